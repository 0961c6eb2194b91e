//! A table that can be read on a narrow page too: there a row is a block, with each cell below its
//! column's name. The roles keep it a table for a screen reader.

use maud::{Markup, html};

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Text(&'static str),
    Number(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        let (Self::Text(name) | Self::Number(name)) = self;
        name
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number(_))
    }
}

/// A table; the first cell of a row is its heading. `id` is its own in the page, and `label` names
/// the region in which it can be scrolled by keys where a text is too long even so.
pub(super) fn table<const N: usize>(
    id: &str,
    label: &str,
    caption: &Markup,
    columns: [Column; N],
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

fn cells<const N: usize>(columns: [Column; N], row: [Markup; N]) -> Markup {
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
