// All runs of the records.
import { h, show, num, table, word } from "./dom.js";
import { ask } from "./api.js";
import { link, rewardName } from "./places.js";

/** The list of runs. */
export async function runsPage(page, _, signal) {
  const { runs, total } = await ask("runs", {}, signal);
  show(page, h("h1", null, "Runs"),
    runs.length
      ? table("Runs", ["run", "rollouts", "groups", "reward", "estimator", "generation"], runs.map((run) => [
        link("run", { run: run.runId }, word(run.runId)), num(run.rollouts), num(run.groups), word(rewardName(run.spec.reward)), word(run.spec.estimator?.id ?? "none"), num(run.generation)]))
      : h("p", { class: "note" }, "There are no runs yet. A trainer makes one when it opens a stream."),
    total > runs.length ? h("p", { class: "quiet" }, `The newest ${runs.length} of ${num(total)}.`) : null);
}
