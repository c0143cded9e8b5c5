// Comforts only: every page works without this file. Texts come from the page, never from here.
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// What has to be mended is read first.
one("[data-focus]")?.focus();

// The confirm step opens over the documents instead of on a page of its own.
for (const link of all("[data-dialog]")) {
  const dialog = document.getElementById(link.dataset.dialog);
  if (!dialog?.showModal) continue;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.showModal();
    one("h2", dialog).focus();
  });
  for (const back of all("[data-close]", dialog)) {
    back.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
  }
}

// One press, one request. Coming back by the browser's button makes the form usable again.
for (const form of all("form[data-once]")) {
  const button = one("button", form);
  const label = button.textContent;
  const free = () => {
    delete form.dataset.sent;
    button.removeAttribute("aria-disabled");
    button.textContent = label;
  };
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter !== button) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    button.setAttribute("aria-disabled", "true");
    button.textContent = form.dataset.once;
  });
  addEventListener("pageshow", (event) => event.persisted && free());
}

// Count down until a new code may be asked for; the server refuses an early one anyway.
for (const button of all("[data-wait]")) {
  const note = one("[data-wait-note]", button.form);
  const rest = note.textContent;
  const label = button.textContent;
  const end = Date.now() + 1000 * Number(button.dataset.wait);
  const left = () => Math.ceil((end - Date.now()) / 1000);
  const say = () => button.dataset.waitText.replace("{n}", left());
  const tick = () => {
    if (left() > 0) {
      button.textContent = say();
      setTimeout(tick, 1000);
    } else {
      button.textContent = label;
    }
  };
  tick();
  button.form.addEventListener("submit", (event) => {
    if (left() <= 0) return;
    event.preventDefault();
    note.textContent = "";
    requestAnimationFrame(() => (note.textContent = `${say()} ${rest}`));
  });
}

for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Paper cannot be unfolded.
addEventListener("beforeprint", () => {
  for (const folded of all("[data-on-paper]")) folded.open = true;
});

// A link to a folded text unfolds it.
const unfold = () => {
  const folded = location.hash && document.getElementById(location.hash.slice(1))?.closest("details");
  if (folded) folded.open = true;
};
addEventListener("hashchange", unfold);
unfold();

// A page that is shown larger needs a sharper image.
for (const choice of all("[name=zoom]")) {
  choice.addEventListener("change", () => {
    for (const image of all("figure>img")) image.sizes = `${image.clientWidth}px`;
  });
}

// Where there is room, the list of documents stands open.
if (matchMedia("(min-width: 72rem)").matches) {
  for (const list of all("[data-wide-open]")) list.open = true;
}
