// Looks again by itself: <main data-refresh="3"> is replaced by the same page's main after three seconds.
// Without scripts a <meta http-equiv="refresh"> in <noscript> does the same.
const later = () => {
  const main = document.querySelector("main[data-refresh]");
  if (main) setTimeout(again, main.dataset.refresh * 1000, main);
};
const again = async (main) => {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (answer.ok && fresh.innerHTML !== main.innerHTML) main.innerHTML = fresh.innerHTML;
    if (answer.ok) main.dataset.refresh = fresh.dataset.refresh;
  } catch {
    // The demo is stopped or starting: try again after the same time.
  }
  later();
};
later();
