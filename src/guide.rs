//! Pages that explain at more length what one does with the crate. They hold no code of their own.

// The page shows a file of tests.
#[allow(clippy::test_attr_in_doctest)]
#[doc = include_str!("guide/models.md")]
pub mod models {}
