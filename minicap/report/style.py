"""How the page looks: one column, system fonts, light or dark as the reader's system is."""

STYLE = """
:root {
  --paper: #ffffff; --raised: #f6f8fa; --ink: #1f2328; --muted: #59636e; --rule: #d8dee4;
  --blue: #0072b2; --vermilion: #bf5000; --green: #007a58;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1318; --raised: #181e25; --ink: #e8edf2; --muted: #9aa6b2; --rule: #2c353f;
    --blue: #56b4e9; --vermilion: #f0883e; --green: #3fc79a;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
h1 { margin: 0; font-size: clamp(1.75rem, 5vw, 2.5rem); line-height: 1.15; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 1rem; font-size: 1.25rem; }
.kicker { margin: 0 0 .35rem; color: var(--muted); font-size: .875rem; letter-spacing: .04em; }
.lead { margin: .9rem 0 0; max-width: 44rem; font-size: 1.15rem; overflow-wrap: anywhere; }
.detail, .meaning, .notes, footer { color: var(--muted); font-size: .875rem; line-height: 1.45; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }

.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .75rem; margin: 0; }
.cards > div { padding: 1rem 1.1rem; background: var(--raised); border-radius: .6rem; }
.cards dt { color: var(--muted); font-size: .875rem; font-weight: 600; }
.cards dd { margin: 0; }
.cards .figure { margin: .1rem 0 .25rem; font-size: 1.9rem; font-weight: 650; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.cards .detail { margin-top: .5rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
.cards .detail span { display: inline-block; margin-right: .6rem; white-space: nowrap; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .45rem .75rem; border-bottom: 1px solid var(--rule); }
th { text-align: left; font-weight: 500; }
thead th { color: var(--muted); font-size: .875rem; }
th:first-child { padding-left: 0; }
.scores thead th:not(:first-child), thead .number { text-align: right; }
.scores tbody td:nth-child(2) { font-weight: 650; }
details .scores tbody td:nth-child(2) { font-weight: inherit; }
.scores { min-width: min(100%, 34rem); }
.bars { width: 100%; margin-top: 1.5rem; }
.bars tbody th { width: 1%; min-width: 13rem; }
.bars .wide { width: 70%; min-width: 5rem; }
.track { height: .8rem; overflow: hidden; background: var(--raised); border-radius: .4rem; }
.bar { display: block; height: 100%; background: var(--blue); }
.notes { margin: 1rem 0 0; padding-left: 1.1rem; }

.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem 2rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
svg * { stroke-linejoin: round; }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13.5rem), 1fr)); gap: 1.25rem;
  margin: 0; padding: 0; list-style: none; }
.gallery > li { overflow: hidden; background: var(--raised); border: 1px solid var(--rule); border-radius: .6rem; }
.gallery img { display: block; width: 100%; height: auto; }
.gallery .pixels { image-rendering: pixelated; }
.missing { display: grid; place-items: center; aspect-ratio: 1; color: var(--muted);
  border-bottom: 1px solid var(--rule); }
.words { padding: .8rem .95rem .9rem; overflow-wrap: anywhere; }
.words p { margin: 0 0 .3rem; }
.caption { font-weight: 500; line-height: 1.4; }
.verdict { display: flex; align-items: center; gap: .4rem; font-size: .875rem; font-weight: 600; }
.verdict span { display: inline-grid; flex: none; place-items: center; width: 1.15rem; height: 1.15rem;
  border-radius: 50%; border: 1.5px solid; font-size: .75rem; line-height: 1; }
.complete { color: var(--green); }
.partial { color: var(--blue); }
.wrong { color: var(--vermilion); }
.complete span { background: var(--green); border-color: var(--green); color: var(--paper); }
.wrong span { background: var(--vermilion); border-color: var(--vermilion); color: var(--paper); }

.verdict b { font-weight: inherit; }
.key { margin: -.5rem 0 1rem; }
.seen { position: relative; }
.places { position: absolute; inset: 0; height: 100%; }
.places rect { fill: none; stroke: #ffffff; stroke-width: 1.5px; vector-effect: non-scaling-stroke; }
.places text { fill: #ffffff; stroke: #1f2328; stroke-width: .2em; paint-order: stroke; font-weight: 700;
  text-anchor: middle; dominant-baseline: central; }
.guesses { display: grid; gap: .15rem; margin: .5rem 0 .4rem; padding: 0; font-size: .875rem; list-style: none; }
.guesses li { display: flex; align-items: center; gap: .45rem; }
.guesses .name { flex: 1 1 auto; min-width: 0; }
.guesses .track { flex: none; width: 4rem; height: .5rem; }
.guesses .number { flex: none; min-width: 3.7em; color: var(--muted); }
.guesses .place { flex: none; min-width: 1.35em; color: var(--muted); font-size: .75rem; text-align: right;
  font-variant-numeric: tabular-nums; }
.sign { flex: none; font-size: .75rem; }
.sign.right { color: var(--green); }

.confusions { display: grid; grid-template-columns: minmax(0, 2.2fr) minmax(0, 1fr); gap: 1.5rem 2rem;
  align-items: start; }
.map { border-radius: .6rem; background: #ffffff; }
.map img { display: block; width: 100%; min-width: 34rem; height: auto; }
h3 { margin: 0 0 .6rem; font-size: 1rem; }
.mistakes { margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere; }
.mistakes li { padding: .45rem 0; border-bottom: 1px solid var(--rule); line-height: 1.4; }
.mistakes p { margin: 0; }
.faint { color: var(--muted); }
.halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem 2.5rem; }
h2 + .scroll .bars, .halves .bars, details .bars { margin-top: 0; }
.halves .bars tbody th { min-width: 8rem; }

details { margin-top: .4rem; font-size: .875rem; }
summary { width: fit-content; color: var(--muted); cursor: pointer; }
details ul { margin: .35rem 0 0; padding-left: 1.1rem; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }

.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 0 2rem; margin: 0; }
.settings div { display: flex; justify-content: space-between; gap: 1rem; padding: .35rem 0;
  border-bottom: 1px solid var(--rule); }
.settings dt { flex: none; color: var(--muted); }
.settings dd { margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
code { font: .8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }

@media (max-width: 30rem) {
  body { padding: 1.5rem 1rem 2rem; }
  .cards, .gallery { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .75rem; }
  .words { padding: .6rem .7rem .7rem; }
  .cards > div { padding: .8rem .85rem; }
  .cards .figure { font-size: 1.5rem; }
  th, td { padding: .45rem .5rem; }
  .bars tbody th { min-width: 6.5rem; }
  .bars .wide { width: auto; min-width: 4rem; }
  .guesses { font-size: .8125rem; }
  .guesses li { gap: .3rem; line-height: 1.35; }
  .guesses .track { display: none; }
  .guesses .number { min-width: 2.9em; }
  .guesses .place { min-width: 1em; font-size: .6875rem; }
  .confusions { grid-template-columns: minmax(0, 1fr); }
}
@media print {
  body { max-width: none; padding: 0; }
  .gallery > li, .cards > div, figure { break-inside: avoid; }
}
"""
