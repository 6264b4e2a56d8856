// Trying things by hand: an answer, a program, a query, an environment.
import { h, show, num, plain, prose, table, tiles, visible, word } from "./dom.js";
import { call } from "./api.js";
import { contentText } from "./places.js";
import { markedText, marksOf, resultView } from "./result_view.js";
import { listedRewards, readJson, rewardPicker } from "./reward_form.js";

const TABS = [["answer", "An answer", answerTab], ["code", "Code and tests", codeTab], ["query", "A query", queryTab], ["environment", "An environment", environmentTab]];
const SUITE = { kind: "assert", code: "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(-1, 1) == 0\n", entryPoint: "add" };

/** The page, with a tab for each kind. */
export async function playgroundPage(page, parameters, signal) {
  const panel = h("div", { role: "tabpanel", id: "panel", "aria-live": "off" });
  const buttons = TABS.map(([name, title]) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => choose(name) }, title));
  const keys = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  };
  const choose = async (name) => {
    buttons.forEach((button) => {
      const chosen = button.id === `tab-${name}`;
      button.setAttribute("aria-selected", String(chosen));
      button.setAttribute("tabindex", chosen ? "0" : "-1");
    });
    panel.setAttribute("aria-labelledby", `tab-${name}`);
    show(panel, await TABS.find(([one]) => one === name)[2](signal));
  };
  await choose(parameters.get("tab") ?? "answer").catch((error) => show(panel, h("p", { class: "note wrong" }, error.message)));
  show(page, h("h1", null, "Playground"), h("div", { class: "tabs", role: "tablist", "aria-label": "What to try", onkeydown: keys }, buttons), panel);
}

function area(id, label, rows, text) {
  const field = h("textarea", { id, rows, spellcheck: "false" });
  field.value = text;
  return { field, parts: [h("label", { for: id }, label), field] };
}

function form(fields, verb, act, answer) {
  const submit = async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button.main");
    button.disabled = true;
    try {
      show(answer, await act());
    } catch (error) {
      show(answer, h("p", { class: "note wrong" }, error.message));
    }
    button.disabled = false;
  };
  return h("form", { onsubmit: submit }, fields, h("p", null, h("button", { class: "main" }, verb)));
}

async function scored(reward, reference, response, prompt, signal) {
  const rollout = { rolloutId: "playground", reference, ...(prompt ? { prompt } : {}), steps: [{ action: response }] };
  const { results } = await call("RewardService/Score", { reward, rollouts: [rollout] }, signal);
  return [resultView(results[0]), h("h2", null, "Read in it"), markedText(response, marksOf(results[0], 0, response, true))];
}

async function answerTab(signal) {
  const picker = rewardPicker(await listedRewards(signal), "answer");
  const prompt = area("prompt", "Prompt, where the reward reads one", 2, "What is 6 * 7?");
  const reference = area("reference", "Reference, as JSON", 2, '{"answer": "42"}');
  const response = area("response", "Answer", 6, "6 * 7 is the same as 6 * 6 + 6.\nSo the answer is \\boxed{42}.");
  const answer = h("div", { "aria-live": "polite" });
  const act = () => scored({ leaf: { id: picker.id(), params: readJson(picker.params(), "Parameters") } }, readJson(reference.field.value, "Reference"), response.field.value, prompt.field.value, signal);
  return h("div", { class: "two" }, form([picker.fields, prompt.parts, reference.parts, response.parts], "Score", act, answer), answer);
}

async function codeTab(signal) {
  const language = h("input", { id: "language", value: "python", size: 12 });
  const source = area("source", "Program", 8, "def add(a, b):\n    return a + b\n");
  const suite = area("suite", "Tests: a suite, as JSON", 10, JSON.stringify(SUITE, null, 2));
  const answer = h("div", { "aria-live": "polite" });
  const act = async () => {
    const job = { jobId: "playground", language: language.value, source: source.field.value, suite: readJson(suite.field.value, "Tests") };
    const { results } = await call("SandboxService/RunTests", { jobs: [job] }, signal);
    return verdictView(results[0]);
  };
  return h("div", { class: "two" }, form([h("label", { for: "language" }, "Language"), language, source.parts, suite.parts], "Run", act, answer), answer);
}

function verdictView(result) {
  if (result.error) return h("div", { class: "note wrong" }, h("strong", null, "Could not be judged"), h("div", null, visible(result.error.message ?? "")));
  const verdict = result.verdict;
  const tests = verdict.tests ?? [];
  return [
    tiles([["Passed", verdict.passed ? h("span", { class: "good" }, "yes") : h("span", { class: "bad" }, "no")], ["Tests passed", `${num(100 * (verdict.passFraction ?? 0))} %`], ["CPU", verdict.use?.cpuTime ?? "–"], ["Suite", plain((verdict.verdictIsolation ?? "").replace("VERDICT_ISOLATION_", "").toLowerCase().replace("_", " ") || "–")]]),
    table("Tests", ["test", "outcome", "message"], tests.map((one) => [word(one.name ?? ""), plain((one.outcome ?? "").replace("TEST_OUTCOME_", "").toLowerCase()), one.message ? prose(one.message) : "–"])),
    verdict.compileOutput ? prose(verdict.compileOutput) : null,
  ];
}

async function queryTab(signal) {
  const reward = "sql/execution-v1";
  const reference = area("sql-reference", "Reference, as JSON: the right query and the database's name", 5, JSON.stringify({ sql: "SELECT 1 + 1", database: "NAME" }, null, 2));
  const query = area("sql-query", "Query, alone or in a fence of a whole answer", 6, "SELECT 2");
  const answer = h("div", { "aria-live": "polite" });
  const act = () => scored({ leaf: { id: reward } }, readJson(reference.field.value, "Reference"), query.field.value, "", signal);
  return h("div", null, h("p", { class: "quiet" }, "Databases are named in the operator's catalogue. Questions with databases of their own are in the environment sql."),
    h("div", { class: "two" }, form([reference.parts, query.parts], "Compare", act, answer), answer));
}

async function environmentTab(signal) {
  const { environments } = await call("EnvironmentService/ListEnvironments", {}, signal);
  const select = h("select", { id: "environment" }, (environments ?? []).map((one) => h("option", { value: one.id, selected: one.id.startsWith("assay/keydoor") }, one.id)));
  const seed = h("input", { id: "seed", type: "number", value: 1, size: 8 });
  const options = area("options", "Options, as JSON", 2, "{}");
  const place = h("div");
  const log = h("div");
  const act = async () => {
    const made = await call("EnvironmentService/CreateSessions", { environmentId: select.value, numGroups: 1, groupSize: 1, seed: Number(seed.value), options: readJson(options.field.value, "Options") }, signal);
    const [session] = made.sessions;
    signal.addEventListener("abort", () => call("EnvironmentService/CloseSessions", { sessionIds: [session.sessionId] }).catch(() => {}));
    show(log);
    turn(session, place, log, signal);
    return place;
  };
  const answer = h("div");
  return h("div", null, form([h("label", { for: "environment" }, "Environment"), select, h("label", { for: "seed" }, "Seed"), seed, options.parts], "Begin", act, answer), answer, h("h2", null, "So far"), log);
}

function turn(state, place, log, signal) {
  const over = state.terminated || state.truncated;
  const own = h("input", { id: "action", size: 30, autocomplete: "off" });
  const act = async (action) => {
    try {
      const { results } = await call("EnvironmentService/Step", { actions: [{ sessionId: state.sessionId, action, expectedStep: state.stepIndex ?? 0 }] }, signal);
      const [result] = results;
      if (result.error) throw new Error(result.error.message);
      log.prepend(h("div", { class: "entry" }, h("strong", null, visible(action)), ` reward ${num(result.state.reward ?? 0)}${result.state.actionValid ? "" : ", not valid"}`));
      turn(result.state, place, log, signal);
      place.querySelector("button, input")?.focus();
    } catch (error) {
      place.append(h("p", { class: "note wrong" }, error.message));
    }
  };
  const submit = (event) => {
    event.preventDefault();
    act(own.value);
  };
  show(place,
    h("div", { role: "status" }, tiles([["Step", num(state.stepIndex ?? 0)], ["Reward", num(state.reward ?? 0)], ["Won", state.won === undefined ? "–" : state.won ? h("span", { class: "good" }, "yes") : "no"], ["Over", over ? plain(state.stopReason || "yes") : "no"]])),
    prose(contentText(state.observation), { "aria-label": "observation" }),
    over ? h("p", { class: "note" }, "The episode is over.") : [
      h("div", { class: "actions", role: "group", "aria-label": "Admissible actions" }, (state.admissibleActions ?? []).slice(0, 60).map((action) => h("button", { type: "button", onclick: () => act(action) }, visible(action)))),
      h("form", { class: "bar-form", onsubmit: submit }, h("div", null, h("label", { for: "action" }, "Another action"), own), h("button", { class: "main" }, "Do it")),
    ]);
}
