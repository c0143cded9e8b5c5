// Measures pages as Lighthouse's phone sees them: addresses as arguments, one line of JSON a page on standard output.
// One Chromium for all of them. A page that falls short of the marks is measured twice more, and the median counts;
// a run that fails to start, or measures nothing, is tried once more in a new one.
import { launch } from "chrome-launcher";
import lighthouse, { defaultConfig } from "lighthouse";

const MARKS = { performance: 0.98, accessibility: 1, "best-practices": 1 };
const CHROMIUM = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// An audit without weight is advice: it changes no score, and some of it loads the page once more.
const advice = Object.keys(MARKS)
  .flatMap((name) => defaultConfig.categories[name].auditRefs)
  .filter(({ weight }) => weight === 0)
  .map(({ id }) => id);

const once = async (url, port) => {
  const flags = {
    port,
    output: "json",
    logLevel: "error",
    onlyCategories: Object.keys(MARKS),
    disableFullPageScreenshot: true,
    extraHeaders: { "Accept-Language": "ja" },
    // Nothing on these pages moves by itself, so there is nothing to wait for after they have loaded.
    pauseAfterFcpMs: 0,
    pauseAfterLoadMs: 0,
    networkQuietThresholdMs: 250,
    cpuQuietThresholdMs: 250,
    skipAudits: advice,
  };
  const { lhr } = await lighthouse(url, flags, defaultConfig);
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  // An audit that broke down leaves its whole category without a score: nothing was measured.
  const broken = Object.values(lhr.audits).filter(({ scoreDisplayMode }) => scoreDisplayMode === "error");
  if (broken.length) throw new Error(broken.map(({ id, errorMessage }) => `${id}: ${errorMessage}`).join("; "));
  const scores = Object.fromEntries(Object.keys(MARKS).map((name) => [name, lhr.categories[name].score]));
  const short = Object.values(lhr.audits)
    .filter((audit) => audit.score !== null && audit.score < 0.9)
    .map((audit) => `${audit.id} ${audit.displayValue ?? ""}`.trim());
  return { url, scores, short };
};

const chromium = () => launch({ chromePath: process.env.CHROME_PATH, chromeFlags: CHROMIUM });
let chrome = await chromium();

const started = async (url) => {
  try {
    return await once(url, chrome.port);
  } catch (error) {
    // Whatever kept this Chromium from recording the page would keep it from recording the next.
    console.error(`${url}: ${error.message}`);
    await chrome.kill();
    chrome = await chromium();
    return await once(url, chrome.port);
  }
};

const holds = ({ scores }) => Object.entries(MARKS).every(([name, mark]) => scores[name] >= mark);
const middle = (values) => values.toSorted((a, b) => a - b)[1];

const measured = async (url) => {
  const first = await started(url);
  if (holds(first)) return { ...first, runs: 1 };
  const runs = [first, await started(url), await started(url)];
  const names = Object.keys(MARKS);
  const scores = Object.fromEntries(names.map((name) => [name, middle(runs.map((run) => run.scores[name]))]));
  return { ...first, scores, runs: runs.length };
};

try {
  for (const url of process.argv.slice(2)) console.log(JSON.stringify(await measured(url)));
} finally {
  await chrome.kill();
}
