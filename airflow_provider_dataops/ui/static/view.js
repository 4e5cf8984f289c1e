// Shows the table of remote runs in an element: filters, rows, and a refresh while the page is visible.
// All texts of the data become text nodes, so they cannot contain HTML.

const APP = new URL("../", import.meta.url);
const BASE = new URL("../", APP).pathname.replace(/\/$/, "");
const VERSION = new URL(import.meta.url).search;

const REFRESH = 5_000;
// If Airflow needs more than a second for an answer, the page asks less often.
const SLOW_ANSWER = 1_000;
const SLOW_REFRESH = 30_000;
const ROWS = 200;
const MOST_ROWS = 3_000;

const MODES = {
  deferred: "Deferred",
  worker: "On a worker",
  resuming: "Resuming",
  between: "Between tries or pokes",
  ended: "Task ended",
};
const COLUMNS = ["Platform", "Run", "Task", "State as last seen", "Since", "Deadline", "Mode", "Watched by"];
const ADOPTED = {
  exact: ["adopted", "The response to the submission was lost. The task found its run by the token that it had sent."],
  guessed: [
    "adopted, guessed",
    "The response to the submission was lost. Exactly one new run existed, so the task waits for that one.",
  ],
};

// --- elements ------------------------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== ""));
  return element;
}

const small = (text, attributes = {}) => (text ? make("div", {class: "small", ...attributes}, text) : null);

// --- times ---------------------------------------------------------------------------------------------

function timeZone() {
  try {
    // The UI stores the time zone only if the user has chosen one.
    return JSON.parse(localStorage.getItem("timezone")) || undefined;
  } catch {
    return undefined;
  }
}

function clock(seconds, now) {
  const zone = timeZone();
  const language = document.documentElement.lang || undefined;
  const day = (time) => new Date(time * 1000).toLocaleDateString("en-CA", {timeZone: zone});
  const date = day(seconds) === day(now) ? {} : {month: "short", day: "numeric"};
  const format = {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone, ...date};
  return new Date(seconds * 1000).toLocaleString(language, format);
}

function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.round(whole / 60);
  const hours = Math.floor(minutes / 60);
  let words = `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (whole < 100) words = `${whole} s`;
  else if (minutes < 100) words = `${minutes} min`;
  else if (hours < 48) words = `${hours} h ${minutes % 60} min`;
  // A line must not break inside a duration.
  return words.replaceAll(" ", "\u00a0");
}

const ago = (seconds, now) => `${duration(now - seconds)}\u00a0ago`;

// --- cells ---------------------------------------------------------------------------------------------

const cells = {
  Platform: (row) => [row.title ?? "not recorded", small(row.conn_id)],

  Run(row) {
    const name = row.remote_id ?? row.condition ?? "not known yet";
    const link = row.url && make("a", {href: row.url, target: "_blank", rel: "noopener noreferrer"}, name);
    const marks = [];
    if (ADOPTED[row.adopted]) marks.push(ADOPTED[row.adopted]);
    if (row.reattached) marks.push(["re-attached", "This try found the run of an earlier try, and waits for it."]);
    if (row.earlier_try && row.waiting) {
      marks.push(["from an earlier try", "The present try has not stored yet what it waits for."]);
    }
    return [
      link || make("span", {}, name),
      make("div", {class: "small"},
        row.noun ? `${row.noun} ` : null,
        ...marks.map(([text, title]) => make("span", {class: "mark", title}, text)),
      ),
    ];
  },

  Task(row, {navigate, dagId}) {
    const parts = ["dags", row.dag_id, "runs", row.run_id, "tasks", row.task_id];
    if (row.map_index >= 0) parts.push("mapped", String(row.map_index));
    const path = `/${parts.map(encodeURIComponent).join("/")}`;
    const name = row.map_index >= 0 ? `${row.task_id} [${row.map_label ?? row.map_index}]` : row.task_id;
    const follow = (event) => {
      const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button;
      if (!navigate || opensElsewhere) return;
      event.preventDefault();
      navigate(path);
    };
    return [
      make("a", {href: BASE + path, onclick: follow, title: row.operator}, name),
      dagId ? null : small(row.dag_id),
      dagId ? null : small(row.run_id),
    ];
  },

  "State as last seen"(row, {now}) {
    const failing =
      row.failing_since && row.waiting
        ? small(`requests fail since ${clock(row.failing_since, now)}`, {class: "small bad", title: row.error})
        : null;
    if (!row.state) return [make("span", {class: "badge", "data-state": "none"}, "not recorded"), failing];
    const raw = row.raw_state && row.raw_state.toLowerCase() !== row.state ? ` (${row.raw_state})` : "";
    const since = row.since ? `In this state since ${clock(row.since, now)}, as far as it was looked at. ` : "";
    const title = `${since}Airflow stores the state when it changes, not at each request.`;
    return [
      make("span", {class: "badge", "data-state": row.state}, row.state + raw),
      small(`seen ${clock(row.seen_at, now)}, ${ago(row.seen_at, now)}`, {title}),
      failing,
    ];
  },

  Since(row, {now}) {
    const [time, what] = row.started_at ? [row.started_at, "started"] : [row.attached_at, "waiting"];
    if (!time) return ["not recorded"];
    const end = row.waiting ? now : row.ended_at;
    return [clock(time, now), small(end ? `${what}, ${duration(end - time)}` : what)];
  },

  Deadline(row, {now}) {
    if (!row.deadline) return ["not recorded"];
    if (!row.waiting) return [clock(row.deadline, now)];
    return row.overdue
      ? [clock(row.deadline, now), small(`passed ${ago(row.deadline, now)}`, {class: "small bad"})]
      : [clock(row.deadline, now), small(`in ${duration(row.deadline - now)}`)];
  },

  Mode: (row) => [
    MODES[row.mode],
    row.mode === "between" || row.mode === "ended" ? small(`task is ${row.task_state}`) : null,
    row.looks_every ? small(`looks about every ${duration(row.looks_every)} (estimate)`) : null,
  ],

  "Watched by"(row, {now}) {
    const watcher = row.watcher;
    if (!watcher) return [row.waiting ? "nobody now" : ""];
    if (watcher.kind === "triggerer" && watcher.id == null) {
      return [make("span", {class: "bad"}, "no triggerer yet")];
    }
    const name = watcher.kind === "triggerer" ? `triggerer ${watcher.id}` : "worker";
    let pulse = "no heartbeat yet";
    if (watcher.alive) pulse = `alive ${ago(watcher.seen_at, now)}`;
    else if (watcher.seen_at) pulse = `no heartbeat for ${duration(now - watcher.seen_at)}`;
    const title = watcher.seen_at && `Last heartbeat: ${clock(watcher.seen_at, now)}`;
    return [name, small(watcher.host), small(pulse, {class: watcher.alive ? "small" : "small bad", title})];
  },
};

// --- the table -----------------------------------------------------------------------------------------

const keyOf = (row) => JSON.stringify([row.dag_id, row.run_id, row.task_id, row.map_index]);

function show(body, known, rows, context) {
  // A cell that has not changed stays, so that it keeps the focus and a selection.
  const before = new Map(known);
  rows.forEach((row, position) => {
    const key = keyOf(row);
    const line = known.get(key) ?? make("tr", {class: "run"}, ...COLUMNS.map(() => make("td")));
    known.set(key, line);
    before.delete(key);
    line.dataset.mode = row.mode;
    COLUMNS.forEach((column, index) => {
      const fresh = make("td", {}, ...cells[column](row, context));
      if (!line.cells[index].isEqualNode(fresh)) line.cells[index].replaceWith(fresh);
    });
    if (body.rows[position] !== line) body.insertBefore(line, body.rows[position] ?? null);
  });
  for (const [key, line] of before) {
    line.remove();
    known.delete(key);
  }
}

function fill(select, options, chosen) {
  const entries = Object.entries({"": "all", ...options});
  if (chosen && !(chosen in options)) entries.push([chosen, chosen]);
  const fresh = entries.map(([value, text]) => make("option", {value}, text));
  const isSame = select.options.length === fresh.length && fresh.every((one, at) => one.isEqualNode(select.options[at]));
  if (!isSame) select.replaceChildren(...fresh);
  select.value = chosen;
}

const named = (values, names = {}) =>
  Object.fromEntries(values.map((value) => [value, names[value] ?? (value === "none" ? "not recorded" : value)]));

// --- requests ------------------------------------------------------------------------------------------

function logIn() {
  location.replace(`${BASE}/api/v2/auth/login?next=${encodeURIComponent(location.href)}`);
}

async function request(wanted, signal) {
  const url = new URL("api/runs", APP);
  for (const [name, value] of Object.entries(wanted)) if (value) url.searchParams.set(name, value);
  const response = await fetch(url, {signal, headers: {Accept: "application/json"}, cache: "no-store"});
  // For a path that it does not know, Airflow answers 200 with the HTML of its UI.
  const isJson = (response.headers.get("content-type") ?? "").includes("application/json");
  const content = isJson ? await response.json() : {};
  if (response.status === 401 || content.detail === "Invalid JWT token") {
    logIn();
    throw new Error("You are logged out.");
  }
  if (response.status === 403) throw new Error("Your role does not allow you to read these tasks.");
  if (!response.ok || !isJson) throw new Error(`Airflow answered with status ${response.status}.`);
  return content;
}

// --- the page ------------------------------------------------------------------------------------------

/**
 * Show the page in an element, and return a function that removes it.
 * @param {string} [dagId] show only this DAG and the DAG run `runId`
 * @param {(path: string) => void} [navigate] opens a path of Airflow's UI without a reload
 * @param {boolean} [isWholePage] whether Airflow's menu is missing
 */
export function mount(element, {dagId, runId, navigate, isWholePage = false} = {}) {
  const filters = {platform: "", dag_id: "", state: "", mode: "", waiting: "", limit: ROWS};
  const known = new Map();
  let timer = null;
  let current = null;
  let dags = [];
  let lastRead = "";

  const changed = (name) => (event) => {
    const field = event.target;
    filters[name] = field.type === "checkbox" ? (field.checked ? "true" : "") : field.value;
    filters.limit = ROWS;
    refresh();
  };
  const select = (name, label) => make("select", {name, "aria-label": label, onchange: changed(name)});
  const selects = {
    platform: select("platform", "Platform"),
    dag_id: select("dag_id", "DAG"),
    state: select("state", "State"),
    mode: select("mode", "Mode"),
  };
  const live = make("input", {type: "checkbox", name: "live", checked: true, onchange: () => schedule(0)});
  const more = make("button", {type: "button", hidden: true, onclick: () => {
    filters.limit = Math.min(MOST_ROWS, filters.limit * 5);
    refresh();
  }}, "Show more");
  const status = make("span", {class: "status", role: "status"}, "Reading…");
  const problem = make("p", {class: "problem", role: "alert", hidden: true});
  const body = make("tbody");
  const label = (text, field) => make("label", {}, make("span", {}, text), field);
  const page = make("div", {class: "dataops-runs"},
    make("link", {rel: "stylesheet", href: new URL(`view.css${VERSION}`, import.meta.url)}),
    isWholePage ? make("p", {class: "home"}, make("a", {href: `${BASE}/`}, "Airflow")) : null,
    make(isWholePage ? "h1" : "h2", {}, "Remote runs"),
    make("form", {class: "filters", onsubmit: (event) => event.preventDefault()},
      ...Object.values(selects)
        .filter((field) => !(dagId && field.name === "dag_id"))
        .map((field) => label(field.getAttribute("aria-label"), field)),
      label("Waiting only", make("input", {type: "checkbox", name: "waiting", onchange: changed("waiting")})),
      label("Live", live),
      status,
    ),
    problem,
    make("div", {class: "scroll"},
      make("table", {"aria-label": "Remote runs"},
        make("thead", {}, make("tr", {}, ...COLUMNS.map((name) => make("th", {scope: "col"}, name)))),
        body,
      ),
    ),
    more,
  );
  element.replaceChildren(page);

  function schedule(pause) {
    clearTimeout(timer);
    timer = live.checked && !document.hidden ? setTimeout(refresh, pause) : null;
  }

  async function refresh() {
    clearTimeout(timer);
    current?.abort();
    const mine = (current = new AbortController());
    const began = performance.now();
    let pause = SLOW_REFRESH;
    try {
      const wanted = {...filters, dag_id: dagId ?? filters.dag_id, run_id: runId};
      const answer = await request(wanted, mine.signal);
      if (mine.signal.aborted) return;
      if (performance.now() - began < SLOW_ANSWER) pause = REFRESH;
      display(answer);
    } catch (error) {
      if (mine.signal.aborted) return;
      problem.hidden = false;
      problem.textContent = `${error.message} ${lastRead && `The table is as of ${lastRead}.`}`;
    }
    schedule(pause);
  }

  function display(answer) {
    const {choices, now, rows, total} = answer;
    problem.hidden = true;
    lastRead = clock(now, now);
    show(body, known, rows, {now, navigate, dagId});
    // With a filter for one DAG, the answer contains only this one.
    if (!filters.dag_id) dags = choices.dag_id;
    fill(selects.platform, choices.platform, filters.platform);
    fill(selects.dag_id, named(dags), filters.dag_id);
    fill(selects.state, named(choices.state), filters.state);
    fill(selects.mode, named(choices.mode, MODES), filters.mode);
    const count = total > rows.length ? `${rows.length} of ${total} runs` : `${total} ${total === 1 ? "run" : "runs"}`;
    const rest = answer.complete ? "" : ", and Airflow knows more: choose a DAG to see them";
    status.textContent = `${count}${rest}; read ${lastRead}`;
    more.hidden = total <= rows.length;
  }

  const becameVisible = () => schedule(0);
  document.addEventListener("visibilitychange", becameVisible);
  refresh();
  return () => {
    document.removeEventListener("visibilitychange", becameVisible);
    clearTimeout(timer);
    current?.abort();
    element.replaceChildren();
  };
}
