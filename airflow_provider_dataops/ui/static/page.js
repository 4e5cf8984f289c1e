// The page without Airflow's menu, for users who see no plugins in the menu.
const {mount} = await import(`./view.js${new URL(import.meta.url).search}`);

const system = matchMedia("(prefers-color-scheme: dark)");

function setTheme() {
  const chosen = localStorage.getItem("theme");
  const isDark = chosen === "dark" || (chosen !== "light" && system.matches);
  document.documentElement.classList.toggle("dark", isDark);
}

setTheme();
system.addEventListener("change", setTheme);
addEventListener("storage", setTheme);
mount(document.getElementById("page"), {isWholePage: true});
