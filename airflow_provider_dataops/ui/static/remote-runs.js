// The page inside Airflow's UI. Airflow imports this file, and then renders the global of the page's name.
const {mount} = await import(`./view.js${new URL(import.meta.url).search}`);
const {createElement, useEffect, useRef} = globalThis.React;
const {useNavigate} = globalThis.ReactRouterDOM;

globalThis["Remote runs"] = function RemoteRuns({dagId, runId}) {
  const place = useRef(null);
  const navigate = useNavigate();
  useEffect(() => mount(place.current, {dagId, runId, navigate}), [dagId, runId]);
  return createElement("div", {ref: place, style: {height: "100%", overflow: "auto"}});
};
