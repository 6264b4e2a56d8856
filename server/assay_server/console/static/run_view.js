// A run in pictures: what the page of a run and the report in one file have in common.
import { h, num, percent, table, tiles, json, more, word } from "./dom.js";
import { lines, bars, histogram } from "./charts.js";

/** Everything about a run, and beside it another one (or null). */
export function runView(run, other) {
  const both = other ? [run, other] : [run];
  const alike = both.every((one) => one.axis.kind === run.axis.kind);
  const axis = !alike ? "percent of the run" : run.axis.kind === "global_step" ? "step" : "rollout";
  if (!alike) both.forEach((one) => { one.x = one.axis.labels.map((_, index, all) => Math.round((100 * index) / Math.max(1, all.length - 1))); });
  return h("div", null,
    totals(both), both.map((one) => missing(one, both.length > 1)),
    h("div", { class: "charts" },
      curve(both, "Reward", axis, "Mean of what could be scored, with its standard deviation.", (one) => [named(one, "reward", one.reward)], other ? {} : { band: true }),
      curve(both, "Pass rate by task type", axis, "Correct among those with a verdict.", (one) => one.passRate.map((series) => named(one, series.name || "no type", series)), { domain: [0, 1] }),
      curve(both, "Components of the reward", axis, "", (one) => one.components.map((series) => named(one, series.name, series))),
      curve(both, "Groups without a signal", axis, "Share of groups all of whose members got the same reward.", (one) => [named(one, "degenerate", one.degenerate)], { domain: [0, 1] }),
      curve(both, "Signs of reward hacking", axis, "Share of rollouts that kept each constraint: a fall is a sign.", (one) => one.constraints.map((series) => named(one, series.name, series)), { domain: [0, 1] }),
      run.totals.unscored + (other?.totals.unscored ?? 0) > 0
        ? curve(both, "Could not be scored", axis, "Share of rollouts; never counted as 0.", (one) => [named(one, "not scored", one.unscored)], { domain: [0, 1] }) : null,
      histogram(run.advantages, other?.advantages, chart("Advantages", "What the optimiser is told, member by member.", both)),
      histogram(run.rewards, other?.rewards, chart("Rewards", "", both)),
      sizes(run, other, chart("Group sizes", "", both)),
      histogram(run.promptPassRates, other?.promptPassRates, chart("Prompts by pass rate", "Prompts at 0 and at 1 teach nothing.", both, "pass rate")),
    ),
    counted("Why groups were dropped", "reason", both, "dropReasons"),
    counted("Why rollouts could not be scored", "reason", both, "failures"),
    h("section", null, h("h2", null, "What is computed"), both.map((one) => more(["Specification of ", word(one.runId)], json(one.spec)))),
  );
}

function totals(both) {
  const of = (read) => both.map((one) => read(one.totals, one)).join(" / ");
  const first = both[0].totals;
  return tiles([
    ["Rollouts", of((t) => num(t.rollouts)), both[0].read.complete ? null : `of ${num(both[0].read.ofRollouts)}, reading on`],
    ["Mean reward", of((t) => num(t.rewardMean))],
    first.passRate === null ? null : ["Pass rate", of((t) => percent(t.passRate))],
    ["Could not be scored", of((t) => num(t.unscored))],
    ["Prompts", of((t) => num(t.prompts))],
    ["Finished groups", of((t) => num(t.groups))],
    ["Kept", of((t) => percent(t.groups ? t.kept / t.groups : null))],
    ["Without a signal", of((t) => percent(t.groups ? t.degenerate / t.groups : null))],
    first.stepHitRatio === null ? null : ["Steps with a peer", of((t) => percent(t.stepHitRatio))],
    ["Verification", of((t) => (t.runMs === null ? "–" : `${num(t.runMs)} ms`))],
  ]);
}

/** What the run had and the records hold no more: none of it is taken for a zero. */
function missing(one, two) {
  const { rollouts, more, advantages } = one.missing;
  if (!rollouts && !more && !advantages) return null;
  return h("p", { class: "note" }, two ? [word(one.runId), ": "] : null,
    rollouts || more ? `${more ? "Older rollouts" : `${num(rollouts)} rollouts`} whose texts or results are no longer held are in none of these numbers. ` : null,
    advantages ? `What ${num(advantages)} groups were told is no longer held: advantages are those of the others.` : null);
}

function named(run, name, series) {
  return { name, runId: run.runId, x: run.x ?? run.axis.labels, y: series.mean, std: series.std };
}

function curve(both, title, axis, note, read, options = {}) {
  const series = both.flatMap((run, index) => read(run).map((one) => ({
    ...one, name: both.length > 1 ? `${one.name} (${index ? "second" : "first"})` : one.name, dashed: index > 0, band: options.band ? one.std : undefined,
  })));
  return lines(series, { title, note, axis, domain: options.domain });
}

function chart(title, note, both, axis = "value") {
  return { title, note, axis, names: both.length > 1 ? ["first, share", "second, share"] : ["count"] };
}

function sizes(run, other, options) {
  const found = new Map();
  const total = (one) => one.groupSizes.reduce((sum, item) => sum + item.count, 0) || 1;
  for (const item of run.groupSizes) found.set(item.value, { count: other ? item.count / total(run) : item.count });
  for (const item of other?.groupSizes ?? []) found.set(item.value, { count: 0, ...found.get(item.value), other: item.count / total(other) });
  return bars([...found].sort((a, b) => a[0] - b[0]).map(([value, item]) => ({ label: num(value), ...item })), { ...options, axis: "members" });
}

function counted(title, head, both, key) {
  const names = [...new Set(both.flatMap((one) => one[key].map((item) => item.name)))];
  if (names.length === 0) return null;
  const count = (one, name) => num(one[key].find((item) => item.name === name)?.count ?? 0);
  const heads = [head, ...(both.length > 1 ? ["first", "second"] : ["count"])];
  return h("section", null, h("h2", null, title), table(title, heads, names.map((name) => [word(name), ...both.map((one) => count(one, name))])));
}

/** Prompts with their pass rates; link(promptId) gives what stands for one. */
export function promptTable(page, link) {
  return table("Prompts", ["prompt", "rollouts", "pass rate", "mean reward"], page.prompts.map((one) =>
    [link(one.promptId), num(one.rollouts), one.passRate === null ? "–" : meter(one.passRate), num(one.rewardMean)]));
}

function meter(value) {
  return h("span", { class: "meter" }, h("meter", { value, min: 0, max: 1, "aria-label": "pass rate" }), percent(value));
}
