// A group as a graph: nodes are states, edges the actions taken there. Layers by the earliest step a state was seen at.
import { svg, num, plain } from "./dom.js";
import { responsive } from "./charts.js";

const COLUMNS = [92, 170];
const ROW = 62;
const SWEEPS = 4;

/** Of -3 to 3: how an advantage compares with the largest of its group. */
export function shade(value, most) {
  if (value === null || value === undefined || !most || Math.abs(value) < 1e-9) return 0;
  return Math.sign(value) * Math.min(3, Math.max(1, Math.ceil((3 * Math.abs(value)) / most)));
}

/**
 * The states and actions of walks. A walk: {rolloutId, end, steps: [{state, action, advantage, index}]}.
 * Gives {nodes, edges}, nodes with their layer and row.
 */
export function graphOf(walks) {
  const nodes = new Map();
  const edges = new Map();
  const visit = (id, depth, kind) => {
    const node = nodes.get(id) ?? { id, kind, visits: 0, layer: depth };
    node.visits += 1;
    node.layer = Math.min(node.layer, depth);
    nodes.set(id, node);
  };
  for (const walk of walks) {
    walk.steps.forEach((step, depth) => visit(step.state, depth, "state"));
    visit(`end:${walk.end}`, walk.steps.length, "end");
    walk.steps.forEach((step, depth) => {
      const to = walk.steps[depth + 1]?.state ?? `end:${walk.end}`;
      const key = JSON.stringify([step.state, to]);
      const edge = edges.get(key) ?? { from: step.state, to, count: 0, sum: 0, actions: new Map() };
      edge.count += 1;
      edge.sum += step.advantage ?? 0;
      edge.actions.set(step.action, (edge.actions.get(step.action) ?? 0) + 1);
      edges.set(key, edge);
    });
  }
  const placed = [...nodes.values()];
  const last = Math.max(0, ...placed.filter((node) => node.kind === "state").map((node) => node.layer)) + 1;
  for (const node of placed) if (node.kind === "end") node.layer = last;
  const used = [...new Set(placed.map((node) => node.layer))].sort((a, b) => a - b);
  for (const node of placed) node.layer = used.indexOf(node.layer);
  order(placed, [...edges.values()]);
  const alone = placed.filter((node) => node.row === 0);
  if (alone.length > 3 && 2 * alone.length > used.length) for (const node of alone) node.row = node.layer % 2 ? 0.55 : -0.55;
  return { nodes: placed, edges: [...edges.values()], layers: used.length };
}

/** Rows within layers, so that edges cross little: a node goes where its neighbours are. */
function order(nodes, edges) {
  const layers = [];
  for (const node of nodes) (layers[node.layer] ??= []).push(node);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const layer of layers) layer?.sort((a, b) => b.visits - a.visits).forEach((node, row, all) => { node.row = row - (all.length - 1) / 2; });
  const near = new Map(nodes.map((node) => [node.id, []]));
  for (const edge of edges) {
    near.get(edge.from).push([byId.get(edge.to), edge.count]);
    near.get(edge.to).push([byId.get(edge.from), edge.count]);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const layer of layers) {
      if (!layer) continue;
      for (const node of layer) {
        const others = near.get(node.id).filter(([other]) => other !== node);
        const weight = others.reduce((sum, [, count]) => sum + count, 0);
        node.pull = weight ? others.reduce((sum, [other, count]) => sum + other.row * count, 0) / weight : node.row;
      }
      layer.sort((a, b) => a.pull - b.pull).forEach((node, row, all) => { node.row = row - (all.length - 1) / 2; });
    }
  }
}

/** The picture. options: {label(node), short(node), most, choose(id), chosen}. */
export function graphPicture(graph, options) {
  const states = graph.nodes.filter((node) => node.kind === "state").length;
  const place = responsive((width) => picture(graph, options, Math.max(COLUMNS[0], Math.min(COLUMNS[1], (width - 30) / graph.layers))));
  place.classList.add("graph");
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", `Graph of ${states} states. Arrow keys go from state to state, Enter compares what was done there.`);
  return place;
}

function picture(graph, options, column) {
  const rows = graph.nodes.map((node) => node.row);
  const [top, bottom] = [Math.min(...rows), Math.max(...rows)];
  const width = graph.layers * column + 30;
  const height = (bottom - top + 1) * ROW + 60;
  const at = new Map(graph.nodes.map((node) => [node.id, { x: 15 + (node.layer + 0.5) * column, y: 44 + (node.row - top + 0.4) * ROW, r: radius(node), node }]));
  const widest = Math.max(...graph.edges.map((edge) => edge.count), 1);
  const drawn = graph.edges.slice().sort((a, b) => a.count - b.count).map((edge) => edgeShape(edge, at, widest, options.most));
  const shapes = graph.nodes.slice().sort((a, b) => a.layer - b.layer || a.row - b.row).map((node, index) => nodeShape(node, at.get(node.id), index === 0, { ...options, room: column }));
  const keys = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const here = shapes.indexOf(event.target);
    if (here < 0) return;
    if (event.key === "Enter" || event.key === " ") event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else if (step === undefined) return;
    else {
      const next = shapes[(here + step + shapes.length) % shapes.length];
      event.target.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    }
    event.preventDefault();
  };
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, onkeydown: keys }, drawn, shapes);
}

function radius(node) {
  return node.kind === "end" ? 15 : Math.min(24, 7 + 3.2 * Math.sqrt(node.visits));
}

function edgeShape(edge, at, widest, most) {
  const [from, to] = [at.get(edge.from), at.get(edge.to)];
  const mean = edge.sum / edge.count;
  const kind = shade(mean, most);
  const thick = 1.5 + 6 * (edge.count / widest);
  const said = `${[...edge.actions].map(([action, count]) => `${plain(action, 60)} ×${count}`).slice(0, 6).join("\n")}\nmean step advantage ${num(mean)}`;
  const title = svg("title", null, said);
  if (from === to) {
    const d = `M${from.x - 6} ${from.y - from.r + 2} C${from.x - 34} ${from.y - from.r - 34} ${from.x + 34} ${from.y - from.r - 34} ${from.x + 6} ${from.y - from.r + 2}`;
    return svg("path", { class: `edge e${kind}`, d, "stroke-width": thick }, title);
  }
  const forward = to.x > from.x;
  const [x1, x2] = forward ? [from.x + from.r, to.x - to.r - 7] : to.x === from.x ? [from.x + from.r * 0.7, to.x + to.r + 6] : [from.x - from.r, to.x + to.r + 7];
  const bend = forward ? Math.max(30, (x2 - x1) / 2) : to.x === from.x ? 44 : -Math.max(30, (x1 - x2) / 2);
  const lift = forward ? 0 : to.x === from.x ? 0 : 26 + Math.abs(from.y - to.y) * 0.1;
  const end = forward ? x2 - bend : to.x === from.x ? x2 + bend * 0.7 : x2 - bend;
  const d = `M${x1} ${from.y} C${x1 + bend} ${from.y + lift} ${end} ${to.y + lift} ${x2} ${to.y}`;
  const point = forward ? `M${x2 + 7} ${to.y}l-8 -4v8Z` : `M${x2 - 7} ${to.y}l8 -4v8Z`;
  return svg("g", null, svg("path", { class: `edge e${kind}`, d, "stroke-width": thick }, title), svg("path", { class: `arrow${kind}`, d: point }));
}

function nodeShape(node, place, first, options) {
  const label = options.label(node);
  if (node.kind === "end") {
    return svg("g", { class: "node end", role: "img", "aria-label": `end with ${label}, ${node.visits} times`, tabindex: "-1", transform: `translate(${place.x} ${place.y})` },
      svg("rect", { x: -30, y: -14, width: 60, height: 28, rx: 6 }),
      svg("text", { "text-anchor": "middle", y: 4 }, plain(label, 9)), svg("text", { class: "name", "text-anchor": "middle", y: 27 }, `×${node.visits}`));
  }
  return svg("g", {
    class: `node${options.chosen.id === node.id ? " chosen" : ""}`, role: "button", tabindex: first ? "0" : "-1", "data-state": node.id,
    "aria-label": `state visited ${node.visits} times: ${plain(label, 160)}`, transform: `translate(${place.x} ${place.y})`, onclick: () => options.choose(node.id),
  },
  svg("title", null, plain(label, 300)),
  svg("circle", { r: place.r }),
  node.visits > 1 ? svg("text", { class: "visits", "text-anchor": "middle", y: 4 }, String(node.visits)) : null,
  node.visits > 1 ? svg("text", { class: "name", "text-anchor": "middle", y: place.r + 11 }, plain(options.short(node), Math.floor(options.room / 6))) : null);
}
