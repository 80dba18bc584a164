// Search, filters and order of the ledger. Everything is in the page: nothing is fetched, so it works from a folder too.
(() => {
  const form = document.getElementById("ledger-search");
  if (!form) return;
  // “Sağ” is found by “sag”, too.
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").replace(/ı/g, "i").toLowerCase();
  const rows = [...document.querySelectorAll("#ledger tbody tr")].map((element, place) => ({
    element,
    place,
    value: element.dataset.value === "" ? NaN : Number(element.dataset.value),
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

  // By what is meant, not by its text: "9.0" comes before "10", what is no number last.
  const heads = [...document.querySelectorAll("#ledger th button")];
  const verdicts = [...form.elements.verdict].map((choice) => choice.value);
  const order = { key: "place", down: false };
  const sort = (key, down) => {
    Object.assign(order, { key, down });
    const rank = (row) => (key === "verdict" ? verdicts.indexOf(row.verdict) : row[key]);
    const sorted = [...rows].sort((one, other) => {
      const [first, second] = [rank(one), rank(other)];
      if (Number.isNaN(first) || Number.isNaN(second)) return Number.isNaN(first) - Number.isNaN(second) || one.place - other.place;
      return (down ? second - first : first - second) || one.place - other.place;
    });
    document.querySelector("#ledger tbody").append(...sorted.map((row) => row.element));
    for (const head of heads) {
      const sorts = head.dataset.key === key && !(key === "place" && !down);
      if (sorts) head.closest("th").ariaSort = down ? "descending" : "ascending";
      else head.closest("th").removeAttribute("aria-sort");
    }
  };

  const remember = () => {
    const chosen = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) chosen.set(name, value);
    if (order.key !== "place" || order.down) chosen.set("sort", `${order.down ? "-" : ""}${order.key}`);
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
  const by = (asked.get("sort") ?? "").match(/^(-?)(place|value|verdict)$/);
  if (by) sort(by[2], by[1] === "-");
  for (const head of heads) {
    head.addEventListener("click", () => {
      const { key } = head.dataset;
      sort(key, order.key === key && !order.down);
      remember();
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); remember(); });
  form.addEventListener("reset", () => setTimeout(() => {
    sort("place", false);
    filter();
    if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
    else remember();
  }));
  window.addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  follow();
})();
