//! A table whose rows become blocks on a narrow page, each cell below its column's name. The roles keep
//! it a table for screen readers.

use maud::{Markup, html};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column<'a> {
    Text(&'a str),
    Number(&'a str),
}

impl<'a> Column<'a> {
    fn name(self) -> &'a str {
        let (Self::Text(name) | Self::Number(name)) = self;
        name
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number(_))
    }
}

/// Renders a table. The first cell of a row is its heading. `id` and `label` belong to the region around the table, which
/// scrolls if a text is too long.
pub(super) fn table<const N: usize>(
    id: &str,
    label: &str,
    caption: &Markup,
    columns: [Column<'_>; N],
    rows: impl Iterator<Item = [Markup; N]>,
) -> Markup {
    html! {
        div.scroll id=(id) tabindex="0" role="region" aria-label=(label) {
            table class={ "cells of" (N) } role="table" {
                caption { (caption) }
                thead role="rowgroup" { tr role="row" {
                    @for column in columns {
                        th.number[column.is_number()] scope="col" role="columnheader" { (column.name()) }
                    }
                } }
                tbody role="rowgroup" { @for row in rows { (cells(columns, row)) } }
            }
        }
    }
}

fn cells<const N: usize>(columns: [Column<'_>; N], row: [Markup; N]) -> Markup {
    html! {
        tr role="row" {
            @for (at, (column, cell)) in columns.into_iter().zip(row).enumerate() {
                @if at == 0 {
                    th scope="row" role="rowheader" { (cell) }
                } @else {
                    td.number[column.is_number()] role="cell" data-label=(column.name()) { (cell) }
                }
            }
        }
    }
}
