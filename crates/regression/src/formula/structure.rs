//! A formula's terms in R's order, and the formula without some of its factors.

use super::{Formula, Item, Operand};

/// A formula with every `*` written out.
#[derive(Debug, PartialEq)]
pub(crate) struct Structure<'a> {
    pub(crate) intercept: bool,
    /// The distinct operands in the order of their first appearance.
    pub(crate) operands: Vec<&'a Operand>,
    /// Each term as ascending indices of its operands. As in R, terms of one operand come first, then
    /// interactions of two, and so on; otherwise they keep the order written.
    pub(crate) terms: Vec<Vec<usize>>,
}

impl Formula {
    pub(crate) fn structure(&self) -> Structure<'_> {
        let mut operands: Vec<&Operand> = Vec::new();
        for operand in self.operands() {
            if !operands.contains(&operand) {
                operands.push(operand);
            }
        }
        let mut terms: Vec<Vec<usize>> = Vec::new();
        for parts in self.crossings() {
            for term in expand(parts, &operands) {
                if !terms.contains(&term) {
                    terms.push(term);
                }
            }
        }
        terms.sort_by_key(Vec::len);
        Structure {
            intercept: self.has_intercept(),
            operands,
            terms,
        }
    }

    /// The formula in which the factors with these names have one level each, so that each of their
    /// columns is constant: `length` remains of `length:origin`, and an intercept of `0 + origin`.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let mut formula = Self {
            response: self.response.clone(),
            items: Vec::new(),
        };
        let mut constant = false;
        for item in &self.items {
            let parts = match item {
                Item::Crossing(parts) => parts,
                Item::RandomIntercept(group) if names.contains(&group.as_str()) => continue,
                _ => {
                    formula.items.push(item.clone());
                    continue;
                }
            };
            let mut remaining = Vec::new();
            for part in parts {
                let mut part = part.clone();
                part.retain(|operand| !names.contains(&operand.name.as_str()));
                if part.is_empty() {
                    constant = true;
                } else {
                    remaining.push(part);
                }
            }
            if !remaining.is_empty() {
                formula.items.push(Item::Crossing(remaining));
            }
        }
        if constant {
            formula.items.retain(|item| !item.removes_intercept());
        }
        formula.remove_repetitions();
        formula
    }

    /// Removes what has no effect: a part of a `*` that repeats another, an item whose terms all occur
    /// before it, and all items that remove the intercept but the last.
    pub(super) fn remove_repetitions(&mut self) {
        let before = self.clone();
        let operands = before.structure().operands;
        let last_removal = before.items.iter().rposition(Item::removes_intercept);
        let mut seen: Vec<Vec<usize>> = Vec::new();
        let mut index = 0;
        self.items.retain_mut(|item| {
            index += 1;
            let Item::Crossing(parts) = item else {
                return !item.removes_intercept() || Some(index - 1) == last_removal;
            };
            let mut distinct: Vec<Vec<usize>> = Vec::new();
            parts.retain(|part| {
                let term = term_of(part, &operands);
                let is_new = !distinct.contains(&term);
                distinct.push(term);
                is_new
            });
            let terms = expand(parts, &operands);
            let adds_a_term = terms.iter().any(|term| !seen.contains(term));
            seen.extend(terms);
            adds_a_term
        });
    }
}

/// The terms of the parts joined by `*`: each part alone and each interaction.
fn expand(parts: &[Vec<Operand>], operands: &[&Operand]) -> Vec<Vec<usize>> {
    let mut terms: Vec<Vec<usize>> = Vec::new();
    for part in parts {
        let part = term_of(part, operands);
        let crossed: Vec<Vec<usize>> = terms
            .iter()
            .map(|term| ascending([term.as_slice(), &part].concat()))
            .collect();
        terms.push(part);
        terms.extend(crossed);
    }
    terms
}

/// The interaction of some operands, as their ascending indices.
fn term_of(part: &[Operand], operands: &[&Operand]) -> Vec<usize> {
    let index = |operand| operands.iter().position(|known| *known == operand);
    ascending(part.iter().filter_map(index).collect())
}

fn ascending(mut indices: Vec<usize>) -> Vec<usize> {
    indices.sort_unstable();
    indices.dedup();
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let formula: Formula = text.parse().unwrap();
        let structure = formula.structure();
        let name = |index: &usize| structure.operands[*index].to_string();
        let intercept = structure.intercept.then(|| "1".to_owned());
        intercept
            .into_iter()
            .chain(
                structure
                    .terms
                    .iter()
                    .map(|term| term.iter().map(name).collect::<Vec<_>>().join(":")),
            )
            .collect()
    }

    #[test]
    fn terms_are_in_the_order_of_r() {
        assert_eq!(terms("y ~ a:b + c + b + a"), ["1", "c", "b", "a", "a:b"]);
        assert_eq!(
            terms("y ~ a * b * c"),
            ["1", "a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]
        );
        assert_eq!(terms("y ~ b + a:b"), ["1", "b", "b:a"]);
        assert_eq!(terms("y ~ 0 + a:b * c"), ["c", "a:b", "a:b:c"]);
        assert_eq!(terms("y ~ log(x) + x - 1"), ["log(x)", "x"]);
        assert_eq!(terms("y ~ a * a + a:a + b:a:b"), ["1", "a", "a:b"]);
    }

    #[track_caller]
    fn assert_without(text: &str, names: &[&str], expected: &str) {
        let formula: Formula = text.parse().unwrap();
        assert_eq!(formula.without(names).to_string(), expected, "{text}");
    }

    #[test]
    fn a_factor_with_one_level_leaves_the_rest_of_its_terms() {
        let one = ["s"];
        assert_without("y ~ a + b + s", &one, "y ~ a + b");
        assert_without("y ~ s", &one, "y ~ 1");
        assert_without("y ~ a * s", &one, "y ~ a");
        assert_without("y ~ a + s + a:s", &one, "y ~ a");
        assert_without("y ~ a + b:s + t * s * b", &one, "y ~ a + b + t * b");
        assert_without("y ~ 0 + s + a", &one, "y ~ a");
        assert_without("y ~ 0 + a:s", &one, "y ~ 0 + a");
        assert_without("y ~ s:t + a - 1", &["s", "t"], "y ~ a");
        assert_without("y ~ a + (1 | s)", &one, "y ~ a");
        assert_without("y ~ a + s + (1 | g)", &one, "y ~ a + (1 | g)");
        assert_without("y ~ a * s:a", &one, "y ~ a");
    }
}
