//! Models of the wake path: the real code, with loom in place of std, in every interleaving of two
//! threads and every interleaving with at most three preemptions of more (some models: two).
//!
//! `cargo loom` runs them. One file per protocol, in the order of a wake's way:
//!
//! | file | tells |
//! |---|---|
//! | `tests/inbox.rs` | no push is lost, whatever the owner is doing; a close takes or refuses it |
//! | `tests/wake.rs` | a remote wake is one more poll, which sees what every waker wrote before |
//! | `tests/root.rs` | the future of `block_on` is woken the same way |
//! | `tests/end.rs` | a future is dropped once, by its owner; its memory is freed once, by the one that leaves last |
//! | `tests/abort.rs` | an abort is a wake that carries one bit more; who hears that a future is gone sees what its drop wrote |
//! | `tests/remote_task.rs` | the result of a task on another thread arrives once |
//! | `tests/blocking.rs` | every job of the pool is begun or taken back, once |
//! | `tests/executor_drop.rs` | what a late waker or a late spawner touches is still there |
//! | `tests/stuck.rs` | what an executor has not begun can be dropped by another thread |
//! | `tests/metrics.rs` | what an executor says of its running task is of one task |
//! | `tests/balanced.rs` | a closure that waits for whichever core is free is taken once, by one that is |
//! | `tests/runtime.rs` | what is spawned while a runtime ends is run or dropped, and everybody hears of the end |
//! | `tests/signal.rs` | a signal that a handler reports is received, although the self-pipe holds one byte |
//! | `tests/channel.rs` | what is sent is received once, and who waits is woken |
//! | `tests/channel_oneshot.rs` | one message arrives, comes back, or is dropped, whichever end goes first |
//! | `tests/balance.rs` | a connection that cores hand to each other is served once, whichever core leaves |
//!
//! Each model's document tells its interleaving as a list, and each file has a control: a small
//! broken variant of its protocol that must fail, so that models which check nothing are noticed.
//!
//! # What makes a model fail
//!
//! - An access of another thread to what the owner alone may touch, and any two accesses that
//!   nothing orders: those fields are loom's cells.
//! - An access to a task, or to an executor's inbox, whose memory was given back: a canary lies in
//!   both. The memory of tasks is never reused in these builds, that of executors is kept for a
//!   while by the allocator in `keep.rs`.
//! - A task or an executor that is never freed.
//! - A sleep that nothing ends. Models in which the owner also wakes for no reason notify its latch
//!   before it sleeps.
//!
//! A panic inside a task, or in a drop that an executor calls, is caught by the executor: it goes
//! to the task's handle, and without one to the policy, which propagates in these models until the
//! executor's drop has begun. So models assert outside of tasks, or in tasks whose handles they
//! unwrap, and what a drop finds is noted in `Findings` and judged outside.
//!
//! # Every ordering is needed
//!
//! Each of these was weakened alone, and models failed, up to thirty-five of them; here is the one
//! that says best why. Two orderings hang on one model each, that of the self-pipe.
//!
//! | weakened | for example |
//! |---|---|
//! | `update` without Release | `a_coalesced_wake_shows_what_was_written_before_it` |
//! | `update` without Acquire | `a_task_can_be_pushed_again_once_it_is_unlinked` |
//! | `unlink` without Release | `a_task_can_be_pushed_again_once_it_is_unlinked` |
//! | `unlink` without Acquire | `a_coalesced_wake_shows_what_was_written_before_it` |
//! | `refuse` relaxed | `a_refused_pusher_is_done_with_the_link_before_the_next_one` |
//! | `release` relaxed | `the_last_waker_or_the_owner_frees` |
//! | `release` without its fence | `of_two_wakers_and_the_owner_the_last_frees` |
//! | `is_sole` relaxed | `a_clone_made_elsewhere_counts` |
//! | `retire` without Release | `the_last_waker_or_the_owner_frees` |
//! | `retire` without Acquire | `a_wake_is_drained_or_refused_by_the_end` |
//! | `leave` relaxed | `who_hears_that_the_future_is_gone_sees_what_its_drop_wrote` |
//! | `is_gone` relaxed | `who_hears_that_the_future_is_gone_sees_what_its_drop_wrote` |
//! | `push` without Release | `a_push_ends_the_sleep_or_prevents_it` |
//! | `push` without Acquire | `a_pusher_that_finds_the_owner_asleep_finds_its_notifier` |
//! | `arm` relaxed | `a_pusher_that_finds_the_owner_asleep_finds_its_notifier` |
//! | `take_all` relaxed | `each_pusher_is_served_in_its_order` |
//! | `take_tasks` relaxed | `a_wake_that_is_taken_out_comes_back` |
//! | the running task's two Acquires and two Releases | `a_reader_sees_the_words_of_one_poll` |
//! | `close` relaxed | `a_push_is_taken_or_refused_by_the_close` |
//! | a signal's `raise` relaxed | `a_signal_ends_the_sleep_or_prevents_it_and_shows_what_was_written_before_it` |
//! | a signal's `take` relaxed | `a_signal_ends_the_sleep_or_prevents_it_and_shows_what_was_written_before_it` |
//!
//! # Every step is needed
//!
//! Each of these was broken alone.
//!
//! | broken | for example |
//! |---|---|
//! | a push that finds ASLEEP notifies nobody | `a_notification_before_the_wait_is_kept` |
//! | a push reopens a closed inbox | `a_push_is_taken_or_refused_by_the_close` |
//! | `arm` is a plain store | `a_push_ends_the_sleep_or_prevents_it` |
//! | the executor sleeps without arming | `a_remote_wake_by_value_polls_the_root` |
//! | `take_all` leaves ASLEEP | `a_push_is_seen_when_something_else_ends_the_sleep` |
//! | `close` forgets what was pushed | `a_task_that_dies_while_it_is_queued_is_freed_once` |
//! | a coalesced wake writes nothing (TS2) | `a_coalesced_wake_shows_what_was_written_before_it` |
//! | QUEUED is cleared after the poll (TS1) | `the_bit_does_not_outlive_the_entry_it_stands_for` |
//! | an abort of a queued task is a wake | `an_abort_of_a_queued_task_is_not_lost` |
//! | a refused push keeps QUEUED | `a_wake_is_drained_or_refused_by_the_end` |
//! | the free waits not for QUEUED | `a_task_that_dies_while_it_is_queued_is_freed_once` |
//! | `is_sole` overlooks QUEUED | `a_wake_of_a_task_that_ends_polls_nothing_and_frees_once` |
//! | a waker lets go before it wakes | `a_wake_is_drained_or_refused_by_the_end` |
//! | tasks keep no executor's memory (SN10) | `a_waker_may_notify_after_its_executor_has_gone` |
//! | a task takes the executor's memory after DEAD | `one_executor_awaits_a_task_of_another` |
//! | the root is not anchored | `a_root_that_somebody_still_waits_with_outlives_its_executor` |
//! | the end closes nothing to its own thread | `what_is_woken_while_the_executor_goes_is_not_made_ready` |
//! | a handle that goes aborts nothing | `a_handle_that_goes_ends_its_task` |
//! | a handle that goes leaves its waker | `a_handle_that_goes_takes_its_waker_along` |
//! | a result comes before the drop | `the_future_has_gone_when_its_result_is_there` |
//! | a task that is over counts local references | `a_waker_of_an_ended_task_can_still_be_waited_with` |
//! | a handle's drop does not hold its task | `an_output_may_hold_the_last_reference_to_its_own_task` |
//! | `take_tasks` takes ASLEEP away | `a_wake_that_is_taken_out_comes_back` |
//! | a wake that was taken out is dropped | `a_wake_that_is_taken_out_comes_back` |
//! | a wake that cannot be put back keeps QUEUED | `what_is_taken_out_while_the_executor_ends_is_freed_once` |
//! | the result of a remote task wakes nobody | `the_result_wakes_who_waits` |
//! | a submission notifies nobody | `a_job_ends_the_wait_of_a_worker_or_prevents_it` |
//! | a close of the pool notifies nobody | `a_job_is_begun_or_taken_back` |
//! | the last worker of a pool tells nobody | `a_join_waits_for_what_was_begun` |
//! | an idle worker is struck off after the lock | `a_job_keeps_a_worker_that_would_end_or_starts_another` |
//! | a message calls no receiver | `a_message_wakes_a_task` |
//! | a receive that gives up passes nothing on (CH3) | `a_receive_that_gives_up_passes_the_message_on` |
//! | a receiver that was overtaken is counted on | `a_receiver_that_never_comes_gives_way_to_who_takes_a_message` |
//! | a permit that is dropped wakes no sender | `a_permit_that_is_dropped_wakes_a_sender_that_waits` |
//! | a reservation that gives up keeps its room | `a_reservation_that_gives_up_passes_the_room_on` |
//! | a close does not wait for permits | `a_close_lets_a_permit_finish` |
//! | a close is told to no sender | `the_last_receiver_wakes_who_waits_for_the_close` |
//! | room wakes no sender | `room_wakes_a_sender_that_waits` |
//! | a close wakes no receiver (CH10) | `a_message_and_the_end_wake_who_waits` |
//! | a close wakes no sender (CH10) | `a_close_fails_who_waits_for_room` |
//! | the last receiver leaves the queue open (CH11) | `a_message_that_meets_the_last_receiver_is_dropped_once` |
//! | the message of a oneshot wakes nobody | `the_message_wakes_who_waits` |
//! | a closed oneshot takes the message (CH1) | `a_close_and_a_send_agree` |
//! | the end of a oneshot's sender wakes nobody | `a_sender_that_goes_wakes_who_waits` |
//! | a core that leaves looks before it closes | `what_is_handed_to_a_core_that_leaves_comes_back` |
//! | a core that leaves drops what it finds | `what_is_handed_to_a_core_that_leaves_comes_back` |
//! | a core that leaves lets its entrance stay | `a_core_may_join_again` |
//! | a connection that a core refuses is forgotten | `what_is_handed_to_a_core_that_leaves_comes_back` |
//! | an addition to the balanced queue calls nobody | `a_later_addition_ends_the_sleep_or_prevents_it` |
//! | the first addition calls nobody | `the_first_addition_ends_the_sleep_or_prevents_it` |
//! | a core sleeps without being listed | `a_later_addition_ends_the_sleep_or_prevents_it` |
//! | a core that is busy stays listed | `a_core_that_woke_for_something_else_is_not_counted_on` |
//! | a core that wakes looks at the queue last | `a_core_that_woke_for_something_else_is_not_counted_on` |
//! | a closed balanced queue takes more | `a_closure_is_taken_or_dropped_by_the_close` |
//! | the end of a runtime is told to nobody | `a_task_that_waits_for_the_end_hears_of_it` |
//! | the gate of a runtime stays open | `who_knows_that_the_end_has_begun_is_refused` |
//!
//! `loom-tests/mutants.sh` makes both tables again.
//!
//! # What loom does not see
//!
//! It remembers one last access of each atomic, so a plain load by one thread hides from it when
//! the other thread loads before it writes; models rely on the read-modify-writes of the protocol
//! for their branches, and the tables above say that this is enough. It takes SeqCst for AcqRel,
//! which is why nothing here uses it, and it knows no time: timers panic inside a model. What the
//! owner sleeps on is not the production's: a condition variable stands for the kernel, and for the
//! parked thread of an executor without descriptors.

#[cfg(all(feature = "models", not(wakeline_loom)))]
compile_error!("the models need `--cfg wakeline_loom`; `cargo loom` sets it, unless RUSTFLAGS in the environment overrides it");

#[cfg(wakeline_loom)]
mod keep;

#[cfg(wakeline_loom)]
mod support;

#[cfg(wakeline_loom)]
pub use support::*;
