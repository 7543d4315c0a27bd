//! A guide in pages of one screen. Each begins with what it is for, and its programs are compiled
//! with the tests.
//!
//! | page | for |
//! |---|---|
//! | [First steps](first_steps) | the first program and the first server |
//! | [Tasks and cancellation](tasks) | how a task begins, who owns it, how it ends |
//! | [Choosing and joining](choosing) | the first of several, all of them, a time limit |
//! | [Channels](channels) | which channel is for what |
//! | [Many cores](many_cores) | one executor per core, and how work gets there |
//! | [Tests](tests) | tests that need no sleep and no free port |
//! | [Models](models) | your own code in every order in which its threads can meet |
//! | [When it hangs](when_it_hangs) | what to look at, and the usual reasons |
//! | [Coming from](coming_from) | tokio, smol, asyncio, Go |

#[doc = include_str!("guide/first_steps.md")]
pub mod first_steps {}

#[doc = include_str!("guide/tasks.md")]
pub mod tasks {}

#[doc = include_str!("guide/choosing.md")]
pub mod choosing {}

#[doc = include_str!("guide/channels.md")]
pub mod channels {}

#[doc = include_str!("guide/many_cores.md")]
pub mod many_cores {}

#[doc = include_str!("guide/tests.md")]
pub mod tests {}

// The page shows a file of tests.
#[allow(clippy::test_attr_in_doctest)]
#[doc = include_str!("guide/models.md")]
pub mod models {}

#[doc = include_str!("guide/when_it_hangs.md")]
pub mod when_it_hangs {}

#[doc = include_str!("guide/coming_from.md")]
pub mod coming_from {}
