//! Colours and the style sheet.
//!
//! Groups have Okabe and Ito's colours (Color Universal Design, 2008), which people with any
//! colour vision can tell apart. Neighbours also differ in brightness.

use std::fmt::Write;

/// Number of group colours.
pub(crate) const COLOURS: usize = 6;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Theme {
    /// SVG follows the reader's setting (`prefers-color-scheme`), PNG is light
    #[default]
    Auto,
    /// Dark on white
    Light,
    /// Light on black
    Dark,
}

struct Palette {
    surface: &'static str,
    ink: &'static str,
    muted: &'static str,
    grid: &'static str,
    /// The bars of lanes, in alternating shades.
    bars: [&'static str; 2],
    /// Windows that triggered, and retrainings.
    alarm: &'static str,
    alarm_fill: &'static str,
    /// Opacity of a group' band.
    band: f64,
    /// Fill and outline of each group.
    group: [(&'static str, &'static str); COLOURS],
}

const LIGHT: Palette = Palette {
    surface: "#ffffff",
    ink: "#1b1f24",
    muted: "#57606a",
    grid: "#d5dae0",
    bars: ["#dde2e8", "#f0f2f5"],
    alarm: "#a31545",
    alarm_fill: "#f9dfe7",
    band: 0.11,
    group: [
        ("#0072b2", "#004b76"),
        ("#e69f00", "#8a5f00"),
        ("#009e73", "#00573f"),
        ("#cc79a7", "#7d3c60"),
        ("#56b4e9", "#1f6e9c"),
        ("#d55e00", "#7d3700"),
    ],
};

const DARK: Palette = Palette {
    surface: "#0d1117",
    ink: "#e8ecf1",
    muted: "#9aa5b1",
    grid: "#2b323b",
    bars: ["#36404c", "#222a33"],
    alarm: "#ff7a9c",
    alarm_fill: "#4a1a2a",
    band: 0.16,
    group: [
        ("#3f9bd6", "#a5d3f2"),
        ("#e69f00", "#ffdd99"),
        ("#009e73", "#7fe0c4"),
        ("#cc79a7", "#f2c6df"),
        ("#56b4e9", "#c4e6fa"),
        ("#d55e00", "#ffb37f"),
    ],
};

/// The part that does not depend on the theme.
const SHAPES: &str = "\
.cw text{font-family:Inter,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-size:11px}\
.cw .title{font-size:16px;font-weight:600}\
.cw .subtitle{font-size:12px}\
.cw .strong{font-weight:600}\
.cw .halo{stroke-width:3px;stroke-linejoin:round;paint-order:stroke}\
.cw .point{stroke-width:0.8px}\
.cw .pooled{stroke-width:1.4px}\
.cw .tiny{stroke-width:0.4px}\
.cw .band{stroke:none}\
.cw .edge{stroke-width:1px;stroke-dasharray:2 3}\
.cw .grid{stroke-width:1px}\
.cw .axis{stroke-width:1px}\
.cw .threshold{stroke-width:1.6px;stroke-dasharray:7 4;fill:none}\
.cw .window{stroke-width:1.2px}\
.cw .window-shade{fill:url(#cw-hatch);stroke:none}\
.cw .window-edge{stroke-width:1px;stroke-dasharray:4 3}\
.cw .window-mean{stroke-width:2.4px}\
.cw .hatch-line{stroke-width:1.4px}\
.cw .retrained{stroke-width:1.6px}\
.cw .training{stroke-width:1.2px}\
.cw .first{fill:none;stroke-width:2px}\
.cw .recovery{fill:none;stroke-width:1.6px}\
.cw .model{stroke-width:1px}\
.cw .identity{stroke-width:1.4px}\
.cw .frame{fill:none;stroke-width:1px}\
.cw .missing{stroke-width:1.4px;fill:none}\
";

/// The style sheet of the pictures, also for an HTML page with [inline figures](crate::Figure::inline).
/// With [`Theme::Auto`] it follows the reader's setting.
pub fn style_sheet(theme: Theme) -> String {
    let (light, dark) = (colours(&LIGHT), colours(&DARK));
    match theme {
        Theme::Light => format!("{SHAPES}{light}"),
        Theme::Dark => format!("{SHAPES}{dark}"),
        Theme::Auto => format!("{SHAPES}{light}@media (prefers-color-scheme:dark){{{dark}}}"),
    }
}

fn colours(palette: &Palette) -> String {
    let Palette {
        surface,
        ink,
        muted,
        grid,
        bars: [bar, other_bar],
        alarm,
        alarm_fill,
        band,
        group,
    } = palette;
    let mut css = format!(
        "\
.cw .surface{{fill:{surface}}}\
.cw text{{fill:{ink}}}\
.cw .muted{{fill:{muted}}}\
.cw .alarm{{fill:{alarm}}}\
.cw .halo{{stroke:{surface}}}\
.cw .edge{{stroke:{muted}}}\
.cw .grid{{stroke:{grid}}}\
.cw .axis{{stroke:{muted}}}\
.cw .frame{{stroke:{muted}}}\
.cw .threshold{{stroke:{ink}}}\
.cw .within{{fill:{bar}}}\
.cw .identity{{stroke:{ink}}}\
.cw .window{{fill:{alarm_fill};stroke:{alarm}}}\
.cw .hatch-line{{stroke:{alarm};stroke-opacity:0.35}}\
.cw .window-edge{{stroke:{alarm}}}\
.cw .window-mean{{stroke:{alarm}}}\
.cw .retrained{{stroke:{alarm}}}\
.cw .retrained-head{{fill:{alarm}}}\
.cw .training{{fill:{other_bar};stroke:{ink}}}\
.cw .first{{stroke:{ink}}}\
.cw .recovery{{stroke:{ink}}}\
.cw .m0{{fill:{bar};stroke:{muted}}}\
.cw .m1{{fill:{other_bar};stroke:{muted}}}\
.cw .missing{{stroke:{muted}}}\
"
    );
    for (number, (fill, outline)) in group.iter().enumerate() {
        let _ = write!(
            css,
            "\
.cw .s{number}{{fill:{fill};stroke:{outline}}}\
.cw .s{number}.band{{fill-opacity:{band};stroke:none}}\
.cw .s{number}.range{{fill-opacity:0.3;stroke:none}}\
.cw .s{number}.quartiles{{fill-opacity:0.6;stroke:none}}\
.cw .s{number}.mean{{fill:{outline};stroke:none}}\
.cw .s{number}.pooled{{fill:{surface};stroke:{outline}}}"
        );
    }
    css
}
