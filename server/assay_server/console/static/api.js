// Calls to the server that this page came from, and to no other.

const KEY = "assay.token";

/** What the server refused, with its reason. */
export class Refused extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.code;
    this.reason = error.details?.find((detail) => detail.reason)?.reason ?? error.status ?? "";
  }
}

/** The token of this tab; it never leaves it but to this server. */
export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Keeps a token for as long as the tab is open; empty forgets it. */
export function keepToken(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

/** Takes a token out of the address (#token=...), where `assay serve` may have put it, and out of the history. */
export function tokenFromAddress() {
  const found = /^#token=([\w.~+/=-]+)$/u.exec(location.hash);
  if (!found) return;
  keepToken(found[1]);
  history.replaceState(null, "", "#/");
}

function headers() {
  return token() ? { authorization: `Bearer ${token()}` } : {};
}

async function answered(response) {
  if (response.ok) return response;
  let error = { code: response.status, message: `the server answered with ${response.status}` };
  try {
    error = (await response.json()).error ?? error;
  } catch {
    // not JSON: the status says it
  }
  throw new Refused(error);
}

/** An answer of the console's own questions. */
export async function ask(question, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters);
  const response = await fetch(`/console/api/${question}?${query}`, { headers: headers(), signal });
  return (await answered(response)).json();
}

/** A method of the contract: call("RewardService/Score", {...}). */
export async function call(method, request, signal = undefined) {
  return (await posted(method, request, signal)).json();
}

/** The answers of a method that streams them. */
export async function callStream(method, request, signal = undefined) {
  const text = await (await posted(method, request, signal)).text();
  const answers = [];
  for (const block of text.split("\n\n")) {
    const name = /^event: (.*)$/mu.exec(block)?.[1] ?? "";
    const data = /^data: (.*)$/mu.exec(block)?.[1];
    if (name === "error") throw new Refused(JSON.parse(data).error);
    if (data && name === "") answers.push(JSON.parse(data));
  }
  return answers;
}

async function posted(method, request, signal) {
  const response = await fetch(`/v1/${method}`, {
    method: "POST", headers: { ...headers(), "content-type": "application/json" }, body: JSON.stringify(request), signal,
  });
  return answered(response);
}

/** What the server counts, as a list of {name, labels, value}. */
export async function metrics(signal = undefined) {
  const text = await (await answered(await fetch("/metrics", { headers: headers(), signal }))).text();
  return text.split("\n").filter((line) => line && !line.startsWith("#")).map(sample).filter(Boolean);
}

function sample(line) {
  const found = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/u.exec(line);
  if (!found) return null;
  const labels = {};
  for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gu)) labels[name] = value;
  return { name: found[1], labels, value: Number(found[3]) };
}

/** A run's report, as a file to keep. */
export async function report(run) {
  const response = await fetch(`/console/report?${new URLSearchParams({ run })}`, { headers: headers() });
  return (await answered(response)).blob();
}
