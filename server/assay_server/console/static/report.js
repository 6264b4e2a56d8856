// The report: a run's page without a server. Its numbers lie in the file.
import { h, show, word } from "./dom.js";
import { runView, promptTable } from "./run_view.js";

const told = JSON.parse(document.getElementById("numbers").textContent);
document.title = `Assay: ${told.runId}`;
show(document.getElementById("page"),
  h("h1", null, "Run ", word(told.runId)),
  h("p", { class: "quiet" }, `Generation ${told.generation}.`),
  runView(told, null),
  told.prompts ? h("section", null, h("h2", null, "Hardest prompts"), promptTable(told.prompts, word)) : null);
