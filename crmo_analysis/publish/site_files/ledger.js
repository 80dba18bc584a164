// Search and filters of the ledger. Everything is in the page: nothing is fetched, so it works from a folder too.
(() => {
  const form = document.getElementById("ledger-search");
  if (!form) return;
  // “Sağ” is found by “sag”, too.
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/ı/g, "i").toLowerCase();
  const rows = [...document.querySelectorAll("#ledger tbody tr")].map((element) => ({
    element,
    text: plain(`${element.id} ${element.textContent}`),
    study: element.dataset.study,
    verdict: element.dataset.verdict,
  }));
  const output = form.querySelector("output");
  const none = document.getElementById("ledger-none");

  const filter = () => {
    const words = plain(form.elements.q.value).split(/\s+/).filter(Boolean);
    const study = form.elements.study.value;
    const verdict = form.elements.verdict.value;
    let found = 0;
    for (const row of rows) {
      const fits = (!study || row.study === study) && (!verdict || row.verdict === verdict)
        && words.every((word) => row.text.includes(word));
      row.element.hidden = !fits;
      found += fits;
    }
    output.textContent = found === rows.length ? `${found} claims` : `${found} of ${rows.length} claims`;
    none.hidden = found > 0;
  };

  const remember = () => {
    const chosen = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) chosen.set(name, value);
    const query = chosen.toString();
    try {
      history.replaceState(null, "", query ? `?${query}` : location.pathname);
    } catch { /* some browsers keep the address of a file as it is */ }
  };

  // A link to a claim shows it, whatever was chosen before.
  const follow = () => {
    const claim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!claim || !claim.hidden) return;
    form.reset();
  };

  const asked = new URLSearchParams(location.search);
  for (const name of ["q", "study", "verdict"]) {
    const value = asked.get(name);
    if (value !== null) form.elements[name].value = value;
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); remember(); });
  form.addEventListener("reset", () => setTimeout(() => {
    filter();
    if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
    else remember();
  }));
  window.addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  follow();
})();
