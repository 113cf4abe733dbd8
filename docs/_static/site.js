// Live figures: sliders have no name of their own for a screen reader, so they get the text of their widget, and the
// red of a button is too bright for white letters.
function mend_widgets(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.classList.contains("noUi-handle") && !element.hasAttribute("aria-label")) {
      const title = root.querySelector(".bk-slider-title");
      element.setAttribute("aria-label", (title && title.textContent.trim()) || "slider");
    }
    if (element.classList.contains("bk-btn-danger")) element.style.backgroundColor = "#b3261e";
    if (element.shadowRoot) mend_widgets(element.shadowRoot);
  }
}
let times = 0;
const timer = setInterval(() => {
  mend_widgets(document);
  if (++times > 20) clearInterval(timer);
}, 500);
