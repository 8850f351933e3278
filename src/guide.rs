//! Guides, for reading only: whole programs that end WebSockets. They are the files of the folder `docs`, and all their
//! programs run as tests of the package `close-recipes`, which has the stacks that they use.

#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}
#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}
#[doc = include_str!("../docs/stacks.md")]
pub mod stacks {}
#[doc = include_str!("../docs/tokio.md")]
pub mod tokio {}
