// Runs before anything is painted, so that nobody who chose the dark sees a white flash.
{
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}
