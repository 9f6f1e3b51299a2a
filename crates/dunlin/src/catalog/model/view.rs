//! The query of a view.

use crate::syntax::{PackedTree, on_large_stack, view_query};
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// The query of a view or materialized view, as the server or the file writes it.
///
/// That of a file is written when somebody asks for it: most views are never compared with another one.
#[derive(Clone)]
pub struct ViewQuery {
    /// The CREATE VIEW.
    tree: Option<PackedTree>,
    text: OnceLock<String>,
}

impl ViewQuery {
    /// The query of a CREATE VIEW.
    pub fn of(tree: &PackedTree) -> ViewQuery {
        ViewQuery { tree: Some(tree.clone()), text: OnceLock::new() }
    }
}

impl From<String> for ViewQuery {
    fn from(text: String) -> ViewQuery {
        ViewQuery { tree: None, text: OnceLock::from(text) }
    }
}

impl Deref for ViewQuery {
    type Target = str;

    fn deref(&self) -> &str {
        let write = || on_large_stack(|| self.tree.as_ref().and_then(view_query)).unwrap_or_default();
        self.text.get_or_init(write)
    }
}

impl fmt::Debug for ViewQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for ViewQuery {
    fn eq(&self, other: &ViewQuery) -> bool {
        **self == **other
    }
}

impl Eq for ViewQuery {}
