// What the server does now: read from its counters, again and again while somebody looks.
import { h, show, num, percent, table, tiles, more, word } from "./dom.js";
import { lines } from "./charts.js";
import { metrics } from "./api.js";

const PERIOD_MS = 2500;
const KEPT = 120;
const GRADES = ["none yet", "below the floor", "the floor", "full"];

/** The overview, live until the page is left. */
export async function overviewPage(page, _, signal) {
  const place = h("div");
  const charts = h("div", { class: "charts" });
  show(page, h("h1", null, "Overview"), h("p", { class: "quiet" }, "Of this server, since it started; read every few seconds."), place, charts);
  const history = [];
  let before = null;
  const began = performance.now();
  const look = async () => {
    const now = reading(await metrics(signal), performance.now());
    const rate = before ? (now.answered - before.answered) / ((now.at - before.at) / 1000) : null;
    if (before) history.push({ x: Math.round((now.at - began) / 1000), rate, inFlight: now.inFlight, queue: between(before.queue, now.queue, 0.99), run: between(before.run, now.run, 0.99) });
    if (history.length > KEPT) history.shift();
    if (!place.querySelector("details[open]")) show(place, picture(now, rate));
    if (!charts.matches(":focus-within") && !charts.querySelector("details[open]")) show(charts, curves(history));
    before = now;
  };
  try {
    await look();
  } catch (error) {
    if (error.code !== 403) throw error;
    show(place, h("p", { class: "note" }, `Counters of the whole server are for its operator: ${error.message}.`), h("p", null, h("a", { href: "#/runs" }, "To your runs")));
    return;
  }
  const again = setInterval(() => {
    if (document.visibilityState === "visible") look().catch((error) => signal.aborted || show(place, h("p", { class: "note wrong" }, error.message)));
  }, PERIOD_MS);
  signal.addEventListener("abort", () => clearInterval(again));
}

function reading(samples, at) {
  const of = (name) => samples.filter((sample) => sample.name === name || sample.name === `${name}_total`);
  const sum = (name) => of(name).reduce((total, sample) => total + sample.value, 0);
  const by = (name, label) => {
    const found = new Map();
    for (const one of of(name)) found.set(one.labels[label] ?? "", (found.get(one.labels[label] ?? "") ?? 0) + one.value);
    return [...found].filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]);
  };
  return {
    at, samples,
    answered: sum("assay_rollouts_answered_total"), accepted: sum("assay_rollouts_accepted_total"), refused: sum("assay_rollouts_refused_total"),
    outcomes: by("assay_rollouts_answered_total", "outcome"), reasons: by("assay_rollouts_refused_total", "reason"),
    inFlight: sum("assay_rollouts_in_flight"), streams: sum("assay_streams"), groups: of("assay_groups_finished_total"),
    batches: sum("assay_batches_finished_total"), sessions: sum("assay_sessions"), sessionSteps: sum("assay_session_steps"), running: sum("assay_sandbox_jobs_running"),
    waiting: sum("assay_sandbox_jobs_waiting"), items: sum("assay_cpu_items"), moved: sum("assay_cpu_moved"), kills: sum("assay_cpu_kills"), grade: sum("assay_sandbox_grade"), lag: sum("assay_loop_lag_seconds"),
    queue: buckets(of("assay_queue_seconds_bucket")), run: buckets(of("assay_score_seconds_bucket")),
    calls: by("grpc_server_handled_total", "grpc_method"), failures: of("grpc_server_handled_total").filter((one) => one.labels.grpc_code !== "OK" && one.value > 0),
  };
}

function buckets(samples) {
  return samples.map((one) => [one.labels.le === "+Inf" ? Infinity : Number(one.labels.le), one.value]).sort((a, b) => a[0] - b[0]);
}

function quantile(cumulative, share) {
  const total = cumulative.at(-1)?.[1] ?? 0;
  if (!total) return null;
  let low = 0;
  let below = 0;
  for (const [high, count] of cumulative) {
    if (count >= share * total) return high === Infinity ? low : low + (high - low) * ((share * total - below) / (count - below || 1));
    [low, below] = [high, count];
  }
  return low;
}

function between(before, now, share) {
  const known = new Map(before);
  const value = quantile(now.map(([high, count]) => [high, count - (known.get(high) ?? 0)]), share);
  return value === null ? null : value * 1000;
}

function milliseconds(cumulative, share) {
  const value = quantile(cumulative, share);
  return value === null ? "–" : `${num(value * 1000)} ms`;
}

function picture(now, rate) {
  const kept = now.groups.filter((one) => one.labels.kept === "true").reduce((sum, one) => sum + one.value, 0);
  const groups = now.groups.reduce((sum, one) => sum + one.value, 0);
  return [
    tiles([
      ["Rollouts a second", rate === null ? "…" : num(rate)],
      ["Answered", num(now.answered)],
      ["Accepted", num(now.accepted)],
      ["Refused", num(now.refused)],
      ["In flight", num(now.inFlight)],
      ["Streams", num(now.streams)],
      ["Queue, p50 / p99", `${milliseconds(now.queue, 0.5)} / ${milliseconds(now.queue, 0.99)}`],
      ["Verification, p50 / p99", `${milliseconds(now.run, 0.5)} / ${milliseconds(now.run, 0.99)}`],
      ["Groups finished", num(groups), groups ? `${percent(kept / groups)} kept` : null],
      ["Batches", num(now.batches)],
      ["Cpu lane", num(now.items), `${num(now.moved)} to the slow lane, ${num(now.kills)} ended`],
      ["Sessions", num(now.sessions), `${num(now.sessionSteps)} steps`],
      ["Programs running", num(now.running), `${num(now.waiting)} waiting`],
      ["Isolation of code", GRADES[now.grade] ?? num(now.grade)],
      ["Loop lag", `${num(now.lag * 1000)} ms`],
    ]),
    h("div", { class: "two" },
      h("section", null, h("h2", null, "Verdicts"), counts("outcome", now.outcomes)),
      h("section", null, h("h2", null, "Calls"), counts("method", now.calls)),
      h("section", null, h("h2", null, "Calls that failed"),
        now.failures.length ? table("Calls that failed", ["method", "status", "count"], now.failures.map((one) => [word(one.labels.grpc_method), word(one.labels.grpc_code), num(one.value)])) : h("p", { class: "quiet" }, "None.")),
      now.reasons.length ? h("section", null, h("h2", null, "Why rollouts were refused"), counts("reason", now.reasons)) : null),
    more("Everything that is counted", table("Everything that is counted", ["name", "of", "value"],
      now.samples.filter((one) => !/_(bucket|created)$/u.test(one.name)).map((one) => [word(one.name), word(Object.entries(one.labels).map(([name, value]) => `${name}=${value}`).join(" ")), num(one.value)]))),
  ];
}

function counts(head, pairs) {
  if (!pairs.length) return h("p", { class: "quiet" }, "None yet.");
  const total = pairs.reduce((sum, [, value]) => sum + value, 0);
  return table(head, [head, "count", "share"], pairs.map(([name, value]) => [word(name), num(value), percent(value / total)]));
}

function curves(history) {
  if (history.length < 2) return null;
  const x = history.map((one) => one.x);
  const axis = "seconds";
  return [
    lines([{ name: "rollouts a second", x, y: history.map((one) => one.rate) }], { title: "Throughput", axis }),
    lines([{ name: "in flight", x, y: history.map((one) => one.inFlight) }], { title: "In flight", axis }),
    lines([{ name: "queue, p99", x, y: history.map((one) => one.queue) }, { name: "verification, p99", x, y: history.map((one) => one.run) }], { title: "Times, ms", axis }),
  ];
}
