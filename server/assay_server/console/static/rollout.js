// One rollout: what was said, what it got and why, and what another reward would say.
import { h, show, json, more, num, plain, prose, tiles, word } from "./dom.js";
import { ask, call, callStream } from "./api.js";
import { contentText, crumbs, link } from "./places.js";
import { markedText, marksOf, resultView } from "./result_view.js";
import { listedRewards, readJson, rewardPicker } from "./reward_form.js";

/** The page of a rollout. */
export async function rolloutPage(page, parameters, signal) {
  const run = parameters.get("run") ?? "";
  const told = await ask("rollout", { run, rollout: parameters.get("rollout") ?? "" }, signal);
  const { rollout, result } = told;
  const steps = rollout.steps ?? [];
  const again = h("section");
  const task = told.task ?? {};
  show(page,
    crumbs(["Runs", "runs", {}], [run, "run", { run }], [`group ${rollout.groupId || "(no name)"}`, "group", { run, group: rollout.groupId ?? "" }]),
    h("h1", null, "Rollout ", word(rollout.rolloutId)),
    resultView(result),
    h("h2", null, steps.length > 1 ? `${steps.length} steps` : "Text"),
    rollout.prompt ? more("Prompt", prose(contentText(rollout.prompt))) : null,
    steps.map((step, index) => stepView(step, index, steps.length, result)),
    h("h2", null, "Judged against"), json(rollout.reference ?? task.reference ?? {}),
    more("Everything about it", facts(rollout), json({ ...rollout, steps: undefined, prompt: undefined, reference: undefined })),
    again);
  show(again, await rescoring(run, told, signal));
}

function facts(rollout) {
  return tiles([
    ["Prompt", word(rollout.promptId ?? "–")], ["Task type", word(rollout.taskType ?? "–")], ["Trainer's step", num(Number(rollout.globalStep ?? 0))],
    ["State", plain((rollout.state ?? "DONE").replace("ROLLOUT_STATE_", "").toLowerCase())], ["Tokens", num(rollout.numTokens ?? null)], ["Tool calls", num(rollout.numToolCalls ?? null)],
  ]);
}

function stepView(step, index, count, result) {
  const text = contentText(step.action);
  const calls = step.toolCalls ?? [];
  const results = step.toolResults ?? [];
  return h("section", { class: count > 1 ? "step" : null },
    count > 1 ? h("h3", null, `Step ${index}`, step.reward === undefined ? null : h("span", { class: "quiet" }, ` reward ${num(step.reward)}`), step.actionValid === false ? h("span", { class: "bad" }, " action not valid") : null) : null,
    step.prompt ? more("Prompt of the step", prose(contentText(step.prompt))) : null,
    step.anchor ? more("State it was taken in", json(step.anchor)) : null,
    markedText(text, marksOf(result, index, text, index === count - 1)),
    calls.map((one) => h("div", null, h("h3", null, "Tool call ", word(one.name ?? "")), json(one.arguments ?? one.argumentsJson ?? {}))),
    results.map((one) => h("div", null, h("h3", { class: one.isError ? "bad" : null }, one.isError ? "Tool error" : "Tool result"), prose(one.text ?? ""))),
    step.observation ? h("div", null, h("h3", { class: "quiet" }, "Observation"), prose(contentText(step.observation))) : null);
}

/** What another reward says of it; what a fleet has put aside is sent again as it is shown. */
async function rescored(run, told, reward, signal) {
  if (!told.settled) {
    const [one] = (await callStream("RewardService/Rescore", { runId: run, rolloutIds: [told.rollout.rolloutId], reward }, signal)).flatMap((part) => part.results ?? []);
    return [one.before, one.after];
  }
  const { signalNames, ...rollout } = told.rollout;
  const whole = !signalNames && !/ more characters\]"/u.test(JSON.stringify(rollout));
  if (!whole) throw new Error("The page does not show all of this rollout (signals, long texts), and the fleet does not have it at hand any more: use assay rescore.");
  const { results } = await call("RewardService/Score", { reward, rollouts: [rollout] }, signal);
  return [told.result, results[0]];
}

async function rescoring(run, told, signal) {
  const rewards = await listedRewards(signal);
  const picker = rewardPicker(rewards, "again");
  const answer = h("div", { "aria-live": "polite" });
  const score = async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    try {
      const reward = { leaf: { id: picker.id(), params: readJson(picker.params(), "Parameters") } };
      const [first, now] = await rescored(run, told, reward, signal);
      const [before, after] = [first?.score?.value ?? null, now?.score?.value ?? null];
      show(answer, h("p", { class: "note" }, `First result ${num(before)}; this reward gives ${num(after)}${before !== null && after !== null ? ` (${after - before >= 0 ? "+" : ""}${num(after - before)})` : ""}. The first one stays as it was sent.`), resultView(now));
    } catch (error) {
      show(answer, h("p", { class: "note wrong" }, error.message));
    }
    button.disabled = false;
  };
  return [h("h2", null, "Score again with another reward"), h("form", { onsubmit: score }, picker.fields, h("p", null, h("button", { class: "main" }, "Score again"))), answer];
}

