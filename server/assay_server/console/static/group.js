// The group explorer: what the members of a group did in the states that they share.
import { h, show, num, percent, plain, prose, table, tiles, visible, word } from "./dom.js";
import { ask, call } from "./api.js";
import { contentText, crumbs, link } from "./places.js";
import { graphOf, graphPicture, shade } from "./graph.js";

const RECIPES = [
  ["ANCHOR_RECIPE_OBSERVATION", "observation"],
  ["ANCHOR_RECIPE_OBSERVATION_AND_INVENTORY", "observation + inventory"],
  ["ANCHOR_RECIPE_STATE_DIGEST", "state digest"],
  ["ANCHOR_RECIPE_STATE_AND_HISTORY", "state + history"],
  ["ANCHOR_RECIPE_TEXT_SIMILARITY", "text similarity"],
];
const BY_STEPS = { id: "advantage/gigpo", params: {} };

/** The page of a group. */
export async function groupPage(page, parameters, signal) {
  const run = parameters.get("run") ?? "";
  const told = await ask("group", { run, group: parameters.get("group") ?? "" }, signal);
  const explorer = h("div");
  const recipe = told.spec.grouping?.recipe ?? RECIPES[0][0];
  show(page, crumbs(["Runs", "runs", {}], [run, "run", { run }]), h("h1", null, "Group ", word(told.groupId || "(no name)")),
    facts(told), prompt(told), explorer);
  if (!told.members.length) return;
  const many = told.members.some((member) => (member.rollout.steps ?? []).some((step) => step.anchor));
  if (!many) {
    show(explorer, answersOf(run, told));
    return;
  }
  const stored = told.result?.stepGroupIds?.length ? told.result : null;
  const draw = (result, note) => show(explorer, explore(run, told, result, note, { ...settings, change }));
  const settings = { recipe, historyLength: told.spec.grouping?.historyLength ?? 1, threshold: told.spec.grouping?.similarityThreshold || 0.95 };
  const change = async (changed) => {
    Object.assign(settings, changed);
    const asFirst = stored && settings.recipe === recipe && changed.recipe;
    try {
      if (asFirst) draw(stored, "As it was sent to the trainer.");
      else draw(...await regrouped(told, settings, signal));
    } catch (error) {
      if (!signal.aborted) show(explorer, controls({ ...settings, change }), h("p", { class: "note wrong" }, error.message));
    }
    document.getElementById("recipe")?.focus();
  };
  if (stored) draw(stored, "As it was sent to the trainer.");
  else await regrouped(told, settings, signal).then((found) => draw(...found), (error) => show(explorer, controls({ ...settings, change }), h("p", { class: "note wrong" }, error.message)));
}

function facts(told) {
  const result = told.result;
  if (!result && told.finished) return settledFacts(told);
  if (!result) return h("p", { class: "note" }, `This group is not finished: ${told.members.length} members have come.`);
  const rewards = (result.rewards ?? []).filter((value) => value !== null);
  const statistics = result.statistics ?? {};
  return tiles([
    ["Members", num((result.rolloutIds ?? []).length)],
    ["Mean reward", rewards.length ? num(rewards.reduce((sum, value) => sum + value, 0) / rewards.length) : "–"],
    ["Deviation", num(statistics.rewardStd ?? 0)],
    ["Kept", result.kept ? "yes" : plain(result.dropReason ?? "no")],
    statistics.stepGroups ? ["Step groups", num(statistics.stepGroups)] : null,
    statistics.stepGroups ? ["Steps with a peer", percent(statistics.stepHitRatio ?? 0)] : null,
    statistics.aliasingRatio === undefined ? null : ["States mixed up", percent(statistics.aliasingRatio)],
    ["Estimator", word((result.estimator ?? "").split("@")[0] || "none")],
  ]);
}

/** A group that everybody has acknowledged long ago: a fleet keeps its numbers, not what it was told. */
function settledFacts(told) {
  const { facts } = told;
  return [
    h("p", { class: "note" }, "This group is finished. What the trainer was sent for it is no longer held, since all of it was acknowledged long ago.",
      told.members.length ? null : " Neither are the texts of its members."),
    facts ? tiles([
      ["Members", num(facts.members)], ["Mean reward", num(facts.rewardMean)], ["Deviation", num(facts.rewardStd)],
      ["Kept", facts.kept ? "yes" : plain(facts.dropReason || "no")],
      facts.stepHitRatio === null ? null : ["Steps with a peer", percent(facts.stepHitRatio)],
    ]) : null,
  ];
}

function prompt(told) {
  const text = contentText(told.members[0]?.rollout.prompt);
  return text ? h("details", { open: text.length < 500 }, h("summary", null, "Prompt"), prose(text)) : null;
}

/** The group's result under another grouping, from the same estimator where that compares steps. */
async function regrouped(told, settings, signal) {
  const rewards = new Map((told.result?.rolloutIds ?? []).map((id, index) => [id, told.result.rewards?.[index] ?? null]));
  const rollouts = told.members.flatMap(({ rollout, result }) => {
    const reward = rewards.get(rollout.rolloutId) ?? result?.score?.value ?? null;
    const steps = (rollout.steps ?? []).map(({ index, action, anchor, reward: own, done, actionValid }) => ({ index, action, anchor, reward: own, done, actionValid }));
    return reward === null ? [] : [{ rolloutId: rollout.rolloutId, reward, steps, role: rollout.role, numTokens: rollout.numTokens, promptId: rollout.promptId }];
  });
  const grouping = { recipe: settings.recipe };
  if (settings.recipe.endsWith("HISTORY")) grouping.historyLength = settings.historyLength;
  if (settings.recipe.endsWith("SIMILARITY")) grouping.similarityThreshold = settings.threshold;
  const request = (estimator) => call("AdvantageService/ComputeAdvantages", { estimator, grouping, groups: [{ groupId: told.groupId, rollouts }] }, signal);
  const own = told.spec.estimator;
  const settled = told.finished && !told.result;
  const found = own && (settled || told.result?.stepGroupIds?.length) ? (await request(own)).groups[0] : null;
  if (found && settled && found.stepGroupIds?.length) return [found, "Computed now from the stored rollouts: what the trainer was sent is no longer held."];
  if (found && !settled) return [found, "Computed now from the stored rollouts; the trainer was sent what its own recipe gives."];
  return [(await request(BY_STEPS)).groups[0], "The run's estimator compares no steps: these step parts are GiGPO's, computed now."];
}

/** Rows of a result: a walk a member. */
function walksOf(told, result) {
  const rollouts = new Map(told.members.map((member) => [member.rollout.rolloutId, member]));
  let from = 0;
  return (result.rolloutIds ?? []).map((rolloutId, member) => {
    const count = result.stepCounts?.[member] ?? 0;
    const held = rollouts.get(rolloutId);
    const steps = Array.from({ length: count }, (_, index) => {
      const at = from + index;
      const step = held?.rollout.steps?.[index] ?? {};
      return {
        index, rolloutId, state: result.stepGroupIds[result.stepGroupIndex[at]], action: contentText(step.action), valid: step.actionValid !== false, anchor: step.anchor ?? {},
        observation: contentText(step.observation), back: result.stepReturns?.[at] ?? null, advantage: result.stepAdvantages?.[at] ?? null,
        episode: result.stepEpisodeAdvantages?.[at] ?? null, total: result.stepTotals?.[at] ?? null,
      };
    });
    from += count;
    const reward = result.rewards?.[member] ?? null;
    return { rolloutId, steps, reward, end: reward === null ? "not scored" : `reward ${num(reward)}`, episode: result.episodeAdvantages?.[member] ?? null, total: result.advantages?.[member] ?? null };
  });
}

function explore(run, told, result, note, settings) {
  const walks = walksOf(told, result).filter((walk) => walk.steps.length);
  const steps = walks.flatMap((walk) => walk.steps);
  if (!steps.length) return [controls(settings), h("p", { class: "note" }, "There are no steps to compare.")];
  const most = Math.max(...steps.map((step) => Math.abs(step.advantage ?? 0)));
  const graph = graphOf(walks);
  const first = new Map();
  for (const step of steps) if (!first.has(step.state)) first.set(step.state, step.anchor);
  const chosen = { id: null };
  const panel = h("section", { "aria-live": "polite" });
  const choose = (state) => {
    chosen.id = state;
    for (const one of document.querySelectorAll("[data-state]")) one.classList.toggle("chosen", one.dataset.state === state);
    show(panel, statePanel(run, state, first.get(state), steps.filter((step) => step.state === state)));
  };
  const visited = [...graph.nodes].filter((node) => node.kind === "state").sort((a, b) => b.visits - a.visits);
  const shared = visited.filter((node) => node.visits > 1);
  choose(visited[0].id);
  const label = (node) => (node.kind === "end" ? node.id.slice(4).replace("reward ", "R ") : stateText(first.get(node.id)));
  const short = (node) => firstLine(stateText(first.get(node.id)));
  return [
    controls(settings), h("p", { class: "quiet" }, note),
    tiles([["States", num(visited.length)], ["Visited more than once", num(shared.length)], ["Steps there", percent(shared.reduce((sum, node) => sum + node.visits, 0) / steps.length)], ["Steps", num(steps.length)]]),
    h("h2", null, "States and actions"),
    h("p", { class: "quiet" }, "A node is a state, with how often it was visited; an edge is what was done there, its width how often, its colour the mean step advantage. ", scale(most)),
    graphPicture(graph, { most, choose, chosen, label, short }), panel,
    h("h2", null, "Episode part and step part"), parts(run, walks, most, choose, chosen.id),
  ];
}

function controls(settings) {
  const { recipe, historyLength, threshold, change } = settings;
  return h("div", { class: "bar-form" },
    h("div", null, h("label", { class: "field", for: "recipe" }, "What names a state"),
      h("select", { id: "recipe", onchange: (event) => change({ recipe: event.target.value }) }, RECIPES.map(([value, text]) => h("option", { value, selected: value === recipe }, text)))),
    recipe.endsWith("HISTORY") ? h("div", null, h("label", { class: "field", for: "history" }, "Earlier states in the name"),
      h("input", { id: "history", type: "number", min: 0, max: 20, value: historyLength, onchange: (event) => change({ historyLength: Number(event.target.value) }) })) : null,
    recipe.endsWith("SIMILARITY") ? h("div", null, h("label", { class: "field", for: "threshold" }, "Similarity needed"),
      h("input", { id: "threshold", type: "number", min: 0.05, max: 0.99, step: 0.05, value: threshold, onchange: (event) => change({ threshold: Number(event.target.value) }) })) : null);
}

function scale(most) {
  return h("span", { class: "scale" }, num(-most), [-3, -2, -1, 0, 1, 2, 3].map((kind) => h("i", { class: `b${kind}` })), num(most));
}

function stateText(anchor) {
  const seen = [contentText(anchor?.observation), contentText(anchor?.inventory)].filter(Boolean).join("\n");
  return seen || (anchor?.state !== undefined ? JSON.stringify(anchor.state) : "") || anchor?.stateDigest || "(nothing names this state)";
}

function firstLine(text) {
  return text.split("\n").find((line) => line.trim()) ?? "";
}

function statePanel(run, state, anchor, steps) {
  const actions = new Map();
  for (const step of steps) {
    const found = actions.get(step.action) ?? { count: 0, advantage: 0, back: 0 };
    found.count += 1;
    found.advantage += step.advantage ?? 0;
    found.back += step.back ?? 0;
    actions.set(step.action, found);
  }
  const ranked = [...actions].sort((a, b) => b[1].advantage / b[1].count - a[1].advantage / a[1].count);
  return [
    h("h2", null, `What was done in this state (visited ${steps.length} ${steps.length === 1 ? "time" : "times"})`),
    h("div", { class: "two" },
      h("div", null, prose(stateText(anchor)), h("p", { class: "quiet" }, "Step group ", word(state))),
      h("div", null, table("Actions in this state", ["action", "times", "return", "step advantage"], ranked.map(([action, one]) => [visible(plain(action, 300)), num(one.count), num(one.back / one.count), num(one.advantage / one.count)])))),
    h("details", null, h("summary", null, "Every visit"),
      table("Visits", ["rollout", "step", "action", "return", "episode part", "step part", "advantage"], steps.map((step) => [
        link("rollout", { run, rollout: step.rolloutId }, word(step.rolloutId)), num(step.index), h("span", null, visible(plain(step.action, 200)), step.valid ? null : h("span", { class: "bad" }, " (not valid)")),
        num(step.back), num(step.episode), num(step.advantage), num(step.total)]))),
  ];
}

function parts(run, walks, most, choose, chosen) {
  return table("Members, their episode part and the step part of every step", ["rollout", "reward", "episode part", "step part of every step"], walks.map((walk) => [
    link("rollout", { run, rollout: walk.rolloutId }, word(walk.rolloutId)), num(walk.reward), num(walk.episode),
    h("span", { class: "strip" }, walk.steps.map((step) => h("button", {
      type: "button", class: `cell b${shade(step.advantage, most)}${step.state === chosen ? " chosen" : ""}`, "data-state": step.state, "data-at": `${walk.rolloutId}/${step.index}`,
      title: `${plain(step.action, 80)}: ${num(step.advantage)}`, "aria-label": `step ${step.index}, ${plain(step.action, 80)}, step advantage ${num(step.advantage)}`, onclick: () => choose(step.state),
    })))]));
}

/** Members of one step each: there are no states to share, but answers. */
function answersOf(run, told) {
  const result = told.result;
  const at = new Map((result?.rolloutIds ?? []).map((id, index) => [id, index]));
  const rows = told.members.map(({ rollout, result: own }) => {
    const index = at.get(rollout.rolloutId);
    return { id: rollout.rolloutId, key: own?.score ? own.score.answerKey || "no answer" : "not scored", value: own?.score?.value ?? null, verdict: own?.score?.verdict ?? "", advantage: index === undefined ? null : result.advantages?.[index] ?? null, text: contentText(rollout.steps?.at(-1)?.action), error: own?.error?.message };
  });
  const walks = rows.map((row) => ({ rolloutId: row.id, end: plain(row.key, 9), steps: [{ state: "prompt", action: row.key, advantage: row.advantage, index: 0 }] }));
  const most = Math.max(0, ...rows.map((row) => Math.abs(row.advantage ?? 0)));
  return [
    h("h2", null, "Answers"),
    h("p", { class: "quiet" }, "One step each: all start from the prompt; an edge is an answer, its width how many gave it, its colour their mean advantage. ", most ? scale(most) : result ? "All advantages are 0." : `Advantages are ${told.finished ? "no longer held" : "not known yet"}.`),
    graphPicture(graphOf(walks), { most, choose: () => {}, chosen: { id: "prompt" }, label: (node) => (node.kind === "end" ? node.id.slice(4) : "the prompt"), short: () => "prompt" }),
    h("h2", null, "Members"),
    table("Members", ["rollout", "answer", "reward", "verdict", "advantage", "response ends with"], rows.map((row) => [
      link("rollout", { run, rollout: row.id }, word(row.id)), word(row.key), num(row.value), row.error ? h("span", { class: "bad" }, plain(row.error, 80)) : verdictWord(row.verdict), num(row.advantage), h("span", { class: "word" }, visible(plain(row.text.slice(-160), 160)))])),
  ];
}

function verdictWord(verdict) {
  const right = { VERDICT_CORRECT: "correct", VERDICT_INCORRECT: "incorrect" }[verdict];
  return right ? h("span", { class: right === "correct" ? "good" : "bad" }, right) : "–";
}
