"""The style sheet of the pieces. It takes its colours of text and ground from the theme, so that light and dark both suit."""

STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 4.6rem 1.6rem 3rem; max-width: 1900px; }
.ss-banner, .ss-kpis, .ss-cards, .ss-table { font-variant-numeric: tabular-nums; }
[data-stale="true"], .stale-element { opacity: 1 !important; transition: none !important; }
[data-testid="stHeading"] h3 { font-size: 1.15rem; padding: 0.6rem 0 0.2rem; }
.ss-chip { display: inline-block; padding: 0.05rem 0.5rem; border-radius: 0.35rem; font-weight: 600; font-size: 0.85rem;
  line-height: 1.5; white-space: nowrap; }
.ss-banner { position: relative; display: flex; gap: 0.75rem; align-items: center; justify-content: space-between;
  padding: 0.35rem 0.6rem; border-radius: 0.5rem; font-size: 0.9rem;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.ss-link-down, .ss-link-silent, .ss-link-quiet { border-width: 2px; }
.ss-link-down { border-color: #D55E00; background: color-mix(in srgb, #D55E00 14%, transparent); }
.ss-link-silent, .ss-link-quiet { border-color: #E69F00; background: color-mix(in srgb, #E69F00 14%, transparent); }
.ss-told { opacity: 0.9; }
.ss-clock { white-space: nowrap; opacity: 0.8; }
.ss-frozen { display: none; }
.ss-fresh { animation: ss-hide 0s linear 6s forwards; }
.ss-frozen { display: inline; visibility: hidden; position: absolute; left: 0.6rem; animation: ss-show 0s linear 6s forwards; }
@keyframes ss-hide { to { visibility: hidden; } }
@keyframes ss-show { to { visibility: visible; } }
.ss-kpis { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: 0.5rem; }
.ss-cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: 0.5rem; }
.ss-kpi, .ss-card { border: 1px solid color-mix(in srgb, currentColor 16%, transparent); border-radius: 0.5rem;
  padding: 0.5rem 0.65rem; background: color-mix(in srgb, currentColor 2.5%, transparent); min-width: 0; }
.ss-label { font-size: 0.8rem; opacity: 0.75; overflow-wrap: anywhere; }
.ss-figure { display: flex; align-items: center; gap: 0.4rem; min-height: 2.1rem; flex-wrap: wrap; }
.ss-value { font-size: 1.2rem; font-weight: 600; line-height: 1.25; overflow-wrap: anywhere; }
.ss-unit { opacity: 0.75; }
.ss-note { font-size: 0.78rem; opacity: 0.78; line-height: 1.35; overflow-wrap: anywhere; }
.ss-ring { position: relative; display: inline-grid; place-items: center; width: 3.2rem; height: 3.2rem; flex: none; }
.ss-ring img { position: absolute; inset: 0; width: 100%; height: 100%; }
.ss-spark { display: block; width: 100%; height: 2rem; margin-top: 0.25rem; }
.ss-card { border-left-width: 5px; }
.ss-card.ss-normal { border-left-color: #009E73; }
.ss-card.ss-near { border-left-color: #E69F00; }
.ss-card.ss-off { border-left-color: #D55E00; background: color-mix(in srgb, #D55E00 12%, transparent); }
.ss-card.ss-off .ss-deviation, .ss-card.ss-near .ss-deviation { opacity: 1; font-weight: 600; }
.ss-bar { position: relative; height: 0.5rem; margin: 0.2rem 0 0.3rem; border-radius: 0.25rem;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.ss-range { position: absolute; left: 12.5%; right: 12.5%; top: 0; bottom: 0; border-radius: 0.25rem;
  background: color-mix(in srgb, #009E73 45%, transparent); }
.ss-needle { position: absolute; top: -0.2rem; bottom: -0.2rem; width: 3px; margin-left: -1.5px; border-radius: 2px;
  background: currentColor; }
.ss-reasons { border-left: 5px solid #D55E00; padding: 0.35rem 0.7rem; border-radius: 0.3rem;
  background: color-mix(in srgb, #D55E00 10%, transparent); overflow-wrap: anywhere; }
.ss-reasons.ss-old { border-left-color: #E69F00; background: color-mix(in srgb, #E69F00 12%, transparent); }
.ss-reasons.ss-well { border-left-color: #009E73; background: color-mix(in srgb, #009E73 9%, transparent); }
.ss-title { font-weight: 600; font-size: 0.95rem; padding: 0.45rem 0; }
.ss-alarm { overflow-wrap: anywhere; line-height: 1.7; }
.ss-scroll { overflow-x: auto; }
.ss-table { width: 100%; border-collapse: collapse; font-size: 0.88rem; }
.ss-table th { text-align: left; font-weight: 600; opacity: 0.75; padding: 0.25rem 0.6rem 0.25rem 0; white-space: nowrap; }
.ss-whole { white-space: nowrap; }
.ss-table td { padding: 0.3rem 0.6rem 0.3rem 0; vertical-align: top; overflow-wrap: break-word;
  border-top: 1px solid color-mix(in srgb, currentColor 12%, transparent); }
.ss-head { display: flex; align-items: center; gap: 0.6rem; flex-wrap: wrap; }
.ss-head h2 { margin: 0; padding: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
@media (prefers-reduced-motion: no-preference) { .ss-needle { transition: left 0.3s; } }
</style>
"""
