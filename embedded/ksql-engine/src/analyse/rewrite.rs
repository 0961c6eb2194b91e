//! Replacing and searching parts of expressions.

use ksql_parser::ast::Expr;
use ksql_parser::error::Refusal;

/// Returns a replacement for a part of an expression, or `None` to descend into it.
type Replace<'r> = dyn FnMut(&Expr) -> Result<Option<Expr>, Refusal> + 'r;

/// Replaces parts of the expression, from the root downwards.
pub(crate) fn rewrite(expr: &Expr, replace: &mut Replace<'_>) -> Result<Expr, Refusal> {
    let mut expr = expr.clone();
    rewrite_in_place(&mut expr, replace)?;
    Ok(expr)
}

fn rewrite_in_place(expr: &mut Expr, replace: &mut Replace<'_>) -> Result<(), Refusal> {
    if let Some(new) = replace(expr)? {
        *expr = new;
        return Ok(());
    }
    let mut children = expr.children_mut().into_iter();
    children.try_for_each(|child| rewrite_in_place(child, replace))
}

/// Whether any part of the expression passes the test.
pub(crate) fn any(expr: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    let mut expr = expr.clone();
    test(&expr)
        || expr
            .children_mut()
            .into_iter()
            .any(|child| any(child, test))
}
