// Fields that name a reward: an id of the catalogue, and parameters.
import { h } from "./dom.js";
import { call } from "./api.js";

let listed = null;

/** Rewards that judge rollouts one by one and are not broken. */
export async function listedRewards(signal) {
  listed ??= (await call("RewardService/ListRewards", {}, signal)).rewards.filter((one) => !one.broken && (one.scope ?? "SCOPE_SAMPLE") === "SCOPE_SAMPLE");
  return listed;
}

/** Fields; id() and params() read them. */
export function rewardPicker(rewards, name, first = "verify/math-v1") {
  const select = h("select", { id: `${name}-reward` }, rewards.map((one) => h("option", { value: one.id, selected: one.id === first }, one.id)));
  const params = h("textarea", { id: `${name}-params`, rows: 2, spellcheck: "false" });
  params.value = "{}";
  return {
    select,
    id: () => select.value,
    params: () => params.value,
    fields: [h("label", { for: `${name}-reward` }, "Reward"), select, h("label", { for: `${name}-params` }, "Parameters, as JSON"), params],
  };
}

/** What a field holds as JSON; an error that names the field where it is none. */
export function readJson(text, field) {
  try {
    return JSON.parse(text.trim() || "{}");
  } catch (error) {
    throw new Error(`${field}: ${error.message}`);
  }
}
