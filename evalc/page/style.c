/* style.c - the page's style sheet.
 *
 * Colours after Okabe and Ito, told apart by the colour-blind, dark enough to be read as words on
 * white; a lighter set on black.  A method has the same one everywhere. */
#include "page.h"

#define LIGHT                                                                                \
    "--ink:#1b1b1b;--soft:#5c5c5c;--line:#d9d9d9;--paper:#fff;--wash:#f5f5f4;"               \
    "--sft:#3d3d3d;--pref:#b9b9b9;--m0:#767676;--m1:#c44a00;--m2:#9a6a00;--m3:#007a5a;"      \
    "--m4:#0063a6;--m5:#a83f88;--m6:#8a8a8a;--m7:#4d4d4d;--m8:#2379a8;--m9:#6d6400;--m10:#6b4bb0"
#define DARK                                                                                 \
    "--ink:#e8e8e6;--soft:#a5a5a2;--line:#3a3a3a;--paper:#161616;--wash:#202020;"            \
    "--sft:#d0d0d0;--pref:#5f5f5f;--m0:#9a9a9a;--m1:#ff8f52;--m2:#efb43c;--m3:#35c79c;"      \
    "--m4:#62b4f3;--m5:#e792cc;--m6:#8f8f8f;--m7:#c4c4c4;--m8:#6cc4ee;--m9:#cfc24a;--m10:#b79cf0"

static const char style[] =
    ":root{color-scheme:light dark;" LIGHT "}\n"
    "@media(prefers-color-scheme:dark){:root{" DARK "}}\n"
    "*{box-sizing:border-box}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);\n"
    " max-width:78rem;margin:0 auto;padding:1rem 1rem 4rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.6rem 0}\n"
    "h2{font-size:1.15rem;margin:2.4rem 0 .3rem}\n"
    "p,ul{max-width:46rem;margin:.4rem 0}ul{padding-left:1.2rem}li{margin:.25rem 0}\n"
    ".lead{font-size:1.2rem;line-height:1.4}\n"
    ".note,figcaption{color:var(--soft);font-size:.87rem}figcaption b{color:var(--ink)}\n"
    ".warn{border-left:4px solid var(--m1);padding-left:.7rem}\n"
    ".top{display:grid;gap:0 2.5rem;grid-template-columns:minmax(0,1fr)}\n"
    "@media(min-width:60rem){.top{grid-template:\"first nearest\" auto \"verdict nearest\" 1fr/\n"
    " minmax(0,3fr) minmax(0,2fr)}.first{grid-area:first}.nearest{grid-area:nearest}\n"
    " .verdict{grid-area:verdict}.top svg{max-width:none}}\n"
    ".grid3{display:grid;gap:.6rem 1.2rem;\n"
    " grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr))}\n"
    "figure{margin:.6rem 0;break-inside:avoid}\n"
    "svg{display:block;width:100%;max-width:30rem;height:auto;font:11px system-ui,sans-serif;\n"
    " fill:currentColor;overflow:visible}\n"
    "svg .grid path{stroke:var(--line);fill:none}svg .grid text,svg .name{fill:var(--soft)}\n"
    "svg .mid{text-anchor:middle}svg .end{text-anchor:end}svg .ideal{fill:var(--ink)}\n"
    "svg .line,svg .thin,svg .faint,svg .thick{fill:none;stroke:currentColor}\n"
    "svg .line{stroke-width:1.3}svg .thick{stroke-width:2;stroke-linejoin:round}\n"
    "svg .thin{stroke-width:1;opacity:.55}svg .faint{stroke-width:.8;opacity:.3}\n"
    "svg .bar{opacity:.28}svg .none{opacity:0}svg .seed{opacity:.75}\n"
    "svg .word{font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:3px}\n"
    "svg .sft{fill:var(--sft)}svg .pref{fill:var(--pref)}\n"
    "svg .lsft,svg .lpref{stroke:var(--sft);fill:none;stroke-width:1.4}\n"
    "svg .lpref{stroke-dasharray:2 2.5}\n"
    ".m0{color:var(--m0)}.m1{color:var(--m1)}.m2{color:var(--m2)}.m3{color:var(--m3)}\n"
    ".m4{color:var(--m4)}.m5{color:var(--m5)}.m6{color:var(--m6)}.m7{color:var(--m7)}\n"
    ".m8{color:var(--m8)}.m9{color:var(--m9)}.m10{color:var(--m10)}\n"
    ".key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.87rem;font-weight:600;\n"
    " margin:.5rem 0}\n"
    ".key svg{display:inline;width:14px;height:14px;vertical-align:-2px;margin-right:.3rem}\n"
    ".wide{overflow-x:auto;margin:.6rem 0}\n"
    "table{border-collapse:collapse;font-size:.82rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.2rem .42rem;border-bottom:1px solid var(--line);text-align:right;\n"
    " white-space:nowrap}\n"
    "th{font-weight:600;color:var(--soft);vertical-align:bottom}tr.best td{font-weight:700}\n"
    "th:first-child,td:first-child{text-align:left;position:sticky;left:0;font-weight:600;\n"
    " background:var(--paper)}\n"
    "td small{color:var(--soft);font-weight:400}\n"
    ".said{white-space:pre-wrap;text-align:left;vertical-align:top;min-width:14rem;\n"
    " max-width:24rem}\n"
    "details{margin:.8rem 0}summary{cursor:pointer;font-weight:600}\n"
    "pre{overflow-x:auto;font-size:.78rem;background:var(--wash);padding:.7rem;user-select:all;\n"
    " -webkit-user-select:all}\n"
    "@media print{:root{font-size:10pt;color-scheme:light;" LIGHT "}\n"
    " body{font-size:10pt;max-width:none;padding:0}.grid3{grid-template-columns:repeat(3,1fr)}\n"
    " .wide{overflow:visible}table{font-size:6.5pt}th,td{padding:.1rem .2rem}\n"
    " h2,.note{break-after:avoid}details:not([open]){display:none}}\n";

void style_put(struct html *h)
{
    put(h, "<style>\n%s</style>", style);
}
