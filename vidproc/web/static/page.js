// What every page has: the switch of theme, the line that says what is wrong, the question before something is lost.

import { $, h, say } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

$("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  dispatchEvent(new Event("themechange"));
});
dark.addEventListener("change", () => dispatchEvent(new Event("themechange")));

/** Say above all else what is wrong, or with null that nothing is any more. */
export function notice(error) {
  const place = $("#notice");
  place.hidden = error === null;
  place.textContent = error === null ? "" : sentence(error.message ?? error);
}

/** Say whether the coordinator is there, as far as a page that follows its events can tell. */
export function connected(is) {
  say(
    $("#connection"),
    is ? "" : "The coordinator does not answer. What you see is from before; it goes on by itself.",
  );
}

/** With a capital and a full stop. */
export function sentence(text) {
  const trimmed = text.trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** What an action says when it fails goes into the notice; while it goes on its button takes no second press. */
export function action(button, act) {
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      notice(error);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
}

/** Ask before something that can't be undone. Gives whether the answer was yes. */
export function sure(question, yes) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "question" },
      h(
        "form",
        { method: "dialog" },
        h("p", { id: "question" }, question),
        h(
          "p",
          { class: "row end" },
          h("button", { class: "quiet", value: "" }, "Leave it"),
          h("button", { class: "danger", value: "yes" }, yes),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
