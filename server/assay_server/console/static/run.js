// One run, alone or beside another one; its prompts and its groups.
import { h, show, num, table, word } from "./dom.js";
import { ask, report } from "./api.js";
import { runView, promptTable } from "./run_view.js";
import { address, crumbs, link } from "./places.js";

const READING_MS = 50;
const PERIOD_MS = 5000;
const PAGE = 20;

/** The page of a run; it goes on reading until it has read all, then looks again every few seconds. */
export async function runPage(page, parameters, signal) {
  const run = parameters.get("run") ?? "";
  const compared = parameters.get("compare") ?? "";
  const place = h("div");
  const prompts = h("section");
  const groups = h("section");
  const bar = h("div", { class: "bar-form" });
  let drawn = "";
  let known = false;
  const look = async () => {
    const [told, other] = await Promise.all([ask("run", { run }, signal), compared ? ask("run", { run: compared }, signal) : null]);
    const complete = told.read.complete && (other?.read.complete ?? true);
    const text = JSON.stringify([told, other]);
    if (text !== drawn && !(drawn && place.matches(":focus-within"))) {
      drawn = text;
      show(place, runView(told, other));
    }
    if (!known && complete) {
      known = true;
      lists(run, prompts, groups, signal);
    }
    if (!signal.aborted) timer = setTimeout(next, complete ? PERIOD_MS : READING_MS);
  };
  const next = () => {
    if (document.visibilityState !== "visible") timer = setTimeout(next, PERIOD_MS);
    else look().catch(() => { timer = signal.aborted ? null : setTimeout(next, PERIOD_MS); });
  };
  let timer = null;
  signal.addEventListener("abort", () => clearTimeout(timer));
  await look();
  show(page, crumbs(["Runs", "runs", {}]), h("h1", null, "Run ", word(run), compared ? [" beside ", word(compared)] : null), bar, place, groups, prompts);
  ask("runs", {}, signal).then(({ runs }) => show(bar, tools(run, compared, runs))).catch(() => {});
}

function tools(run, compared, runs) {
  const select = h("select", { id: "compare", onchange: (event) => { location.hash = address("run", { run, compare: event.target.value }); } },
    h("option", { value: "" }, "nothing"),
    runs.filter((one) => one.runId !== run).map((one) => h("option", { value: one.runId, selected: one.runId === compared }, one.runId)));
  const save = async (event) => {
    event.target.disabled = true;
    const place = URL.createObjectURL(await report(run));
    h("a", { href: place, download: `${run.replace(/[^\w.-]+/gu, "-")}.html` }).click();
    URL.revokeObjectURL(place);
    event.target.disabled = false;
  };
  return [h("div", null, h("label", { class: "field", for: "compare" }, "Compare with"), select),
    h("button", { type: "button", onclick: save }, "Report as one file")];
}

function lists(run, prompts, groups, signal) {
  paged(prompts, {
    title: "Prompts", choices: [["hardest", "hardest first"], ["easiest", "easiest first"], ["most", "most rollouts first"]], id: "order",
    read: (order, start) => ask("prompts", { run, order, start }, signal),
    draw: (told) => promptTable(told, (id) => h("button", { type: "button", onclick: () => groups.choose("all", id) }, word(id))),
  });
  paged(groups, {
    title: "Groups", choices: [["mixed", "with a signal"], ["all", "all"], ["degenerate", "without a signal"], ["dropped", "dropped"]], id: "kind",
    read: (kind, start, prompt) => ask("groups", { run, kind, start, ...(prompt ? { prompt } : {}) }, signal),
    draw: (told) => table("Groups", ["group", "members", "mean reward", "deviation", "steps with a peer", "kept"], told.groups.map((one) => [
      link("group", { run, group: one.groupId }, word(one.groupId || "(no name)")), num(one.size), num(one.rewardMean), num(one.rewardStd), num(one.stepHitRatio), one.kept ? "yes" : one.dropReason])),
  });
}

function paged(place, list) {
  const body = h("div");
  const select = h("select", { id: list.id, onchange: () => place.choose(select.value, "") }, list.choices.map(([value, text]) => h("option", { value }, text)));
  const draw = async (choice, start, prompt) => {
    const told = await list.read(choice, start, prompt);
    show(body,
      prompt ? h("p", null, "Of prompt ", word(prompt), " ", h("button", { type: "button", onclick: () => place.choose(choice, "") }, "all prompts")) : null,
      told.total ? list.draw(told) : h("p", { class: "quiet" }, "None."),
      h("p", { class: "actions" },
        start > 0 ? h("button", { type: "button", onclick: () => draw(choice, start - PAGE, prompt) }, "Previous") : null,
        start + PAGE < told.total ? h("button", { type: "button", onclick: () => draw(choice, start + PAGE, prompt) }, "Next") : null,
        told.total > PAGE ? h("span", { class: "quiet" }, `${start + 1}–${Math.min(told.total, start + PAGE)} of ${num(told.total)}`) : null));
  };
  place.choose = (choice, prompt) => {
    select.value = choice;
    if (prompt) place.scrollIntoView({ block: "start" });
    draw(choice, 0, prompt).catch((error) => show(body, h("p", { class: "note wrong" }, error.message)));
  };
  show(place, h("h2", null, list.title), h("div", { class: "bar-form" }, h("div", null, h("label", { class: "field", for: list.id }, "Which"), select)), body);
  place.choose(list.choices[0][0], "");
}
