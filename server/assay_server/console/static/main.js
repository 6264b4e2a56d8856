// Which page is shown, and who looks at it.
import { h, show } from "./dom.js";
import { ask, keepToken, token, tokenFromAddress } from "./api.js";
import { overviewPage } from "./overview.js";
import { runsPage } from "./runs.js";
import { runPage } from "./run.js";
import { groupPage } from "./group.js";
import { rolloutPage } from "./rollout.js";
import { cataloguePage } from "./catalogue.js";
import { playgroundPage } from "./playground.js";

const PAGES = {
  "": ["Overview", overviewPage, ""],
  runs: ["Runs", runsPage, "runs"],
  run: ["Run", runPage, "runs"],
  group: ["Group", groupPage, "runs"],
  rollout: ["Rollout", rolloutPage, "runs"],
  catalogue: ["Catalogue", cataloguePage, "catalogue"],
  playground: ["Playground", playgroundPage, "playground"],
};

const page = document.getElementById("page");
let leaving = null;
let letIn = null;

async function go(moved) {
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [name, query] = location.hash.replace(/^#\/?/u, "").split("?");
  const [title, open, section] = PAGES[name] ?? ["Not found", notFound, null];
  document.title = `${title} – Assay`;
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.getAttribute("href") === `#/${section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show(page, h("p", { class: "quiet", "aria-busy": "true" }, "Reading…"));
  try {
    if (letIn !== token()) {
      if (!(await ask("door", {}, signal)).known) {
        show(page, signIn());
        return;
      }
      letIn = token();
    }
    await open(page, new URLSearchParams(query ?? ""), signal);
  } catch (error) {
    if (signal.aborted) return;
    if (error.code === 401) letIn = null;
    show(page, trouble(error));
  }
  if (!signal.aborted && moved) {
    document.getElementById("said").textContent = document.title;
    scrollTo(0, 0);
    page.focus({ preventScroll: true });
  }
}

function notFound(place) {
  show(place, h("h1", null, "There is no such page"), h("p", null, h("a", { href: "#/" }, "To the overview")));
}

function trouble(error) {
  return h("div", null, h("h1", null, "That did not work"), h("p", { class: "note wrong" }, error.message),
    h("p", null, h("button", { type: "button", onclick: () => go(false) }, "Try again")));
}

function signIn() {
  const input = h("input", { id: "token", type: "password", autocomplete: "off", required: true, size: 48 });
  const wrong = token() ? h("p", { class: "note wrong" }, "The server does not take this token.") : null;
  const enter = (event) => {
    event.preventDefault();
    keepToken(input.value.trim());
    go(true);
  };
  return h("form", { onsubmit: enter }, h("h1", null, "Sign in"), wrong,
    h("p", null, "The token is in the server's token file; the server's operator has it. It is kept until this tab is closed."),
    h("label", { for: "token" }, "Token"), input, " ", h("button", { class: "main" }, "Sign in"));
}

function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("assay.theme");
  if (kept) root.dataset.theme = kept;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("assay.theme", root.dataset.theme);
  });
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  page.focus();
});
theme();
tokenFromAddress();
addEventListener("hashchange", () => {
  tokenFromAddress();
  go(true);
});
go(false);
