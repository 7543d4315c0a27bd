#!/bin/sh
# Weakens each ordering of the wake path, and breaks each step of its protocol, one at a time, in a copy of the tree, and says which
# models fail. Every line of the table in src/lib.rs comes from here. Not part of CI: it takes some minutes.
#
#   loom-tests/mutants.sh [MUTANT...]
#
# The copy is built once: each place asks a mutant by name, and the environment says which one is on. An edit that finds no place stops
# the script, so that a mutant which no longer exists is noticed.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
copy=${MUTANTS_DIR:-$(mktemp -d)}
mkdir -p "$copy"
(cd "$here" && tar -cf - --exclude=./target --exclude=./.git .) | tar -xf - -C "$copy"
cd "$copy"

# edit FILE TEXT REPLACEMENT: exactly one line of the file has the text.
edit() {
    TEXT=$2 NEW=$3 awk '
        BEGIN { text = ENVIRON["TEXT"] }
        (at = index($0, text)) && !/^ *\/\// { $0 = substr($0, 1, at - 1) ENVIRON["NEW"] substr($0, at + length(text)); n++ }
        { print }
        END { if (n != 1) { print "mutants: " n + 0 " places for: " text > "/dev/stderr"; exit 1 } }' "$1" > "$1.new"
    mv "$1.new" "$1"
}

cat >> src/lib.rs <<'RUST'

#[cfg(wakeline_loom)]
pub(crate) mod mutant {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    static NAME: LazyLock<String> = LazyLock::new(|| std::env::var("MUTANT").unwrap_or_default());

    pub(crate) fn on(name: &str) -> bool {
        *NAME == name
    }

    static SKIPPED: AtomicBool = AtomicBool::new(false);

    /// Is it on? Remembers that something was left out, which is to be done later.
    pub(crate) fn skip(name: &str) -> bool {
        SKIPPED.store(on(name), Relaxed);
        on(name)
    }

    /// Was something left out just now?
    pub(crate) fn skipped() -> bool {
        SKIPPED.swap(false, Relaxed)
    }

    /// Two weaker orderings of an ordering with two halves.
    pub(crate) fn halves(name: &str, whole: crate::sync::Ordering) -> crate::sync::Ordering {
        use crate::sync::Ordering::{Acquire, Relaxed, Release};
        match NAME.strip_prefix(name) {
            Some(" without Release") => Acquire,
            Some(" without Acquire") => Release,
            Some(" relaxed") => Relaxed,
            _ => whole,
        }
    }
}
#[cfg(not(wakeline_loom))]
compile_error!("mutants are for models");
RUST

state=src/task/state.rs inbox=src/inbox.rs vtable=src/task/vtable.rs life=src/task/lifecycle.rs
schedule=src/task/schedule.rs spawn=src/task/spawn.rs
halves() { echo "crate::mutant::halves(\"$1\", Ordering::$2)"; }

edit $state "(seen.0, next.0, Ordering::AcqRel," "(seen.0, next.0, $(halves update AcqRel),"
edit $state "fetch_and(!(QUEUED | NEW), Ordering::AcqRel)" "fetch_and(!(QUEUED | NEW), $(halves unlink AcqRel))"
edit $state "fetch_sub(ONE, Ordering::Release)" "fetch_sub(ONE, $(halves release Release))"
edit $state "fence(Ordering::Acquire);" "if !crate::mutant::on(\"fence removed\") { fence(Ordering::Acquire) }"
edit $state "Snapshot(self.0.load(Ordering::Acquire)).is_sole()" "Snapshot(self.0.load($(halves is_sole Acquire))).is_sole()"
edit $state "fetch_sub(ONE - DEAD, Ordering::AcqRel)" "fetch_sub(ONE - DEAD, $(halves retire AcqRel))"
edit $inbox "(task, head, Ordering::AcqRel)" "(task, head, $(halves push AcqRel))"
edit $inbox "Mark::Asleep, Ordering::Release)" "Mark::Asleep, $(halves arm Release))"
edit $inbox "take(Mark::Empty, Ordering::Acquire)" "take(Mark::Empty, $(halves take_all Acquire))"
edit $inbox "take(Mark::Closed, Ordering::Acquire)" "take(Mark::Closed, $(halves close Acquire))"
edit src/signal/self_pipe.rs "swap(1, Ordering::Release)" "swap(1, $(halves "signal is raised" Release))"
edit src/signal/self_pipe.rs "swap(0, Ordering::Acquire)" "swap(0, $(halves "signal is taken" Acquire))"

# The protocol.
edit $inbox "        if head.is(Mark::Asleep) {" "        if head.is(Mark::Asleep) && !crate::mutant::on(\"push notifies nobody\") {"
edit $inbox "if head.is(Mark::Closed) {" "if head.is(Mark::Closed) && !crate::mutant::on(\"push reopens a closed inbox\") {"
edit $inbox "pub(crate) fn arm(&self) -> bool {" "pub(crate) fn arm(&self) -> bool {
        if crate::mutant::on(\"arm is a plain store\") { mem::forget(self.head.0.take(Mark::Asleep, Ordering::Release)); return true; }"
edit $inbox "take_if(head, Mark::Empty, Ordering::Acquire)" "take_if(head, Mark::Empty, $(halves take_tasks Acquire))"
edit $inbox "while head.is_task() {" "while head.is_task() || (head.is(Mark::Asleep) && crate::mutant::on(\"take_tasks takes ASLEEP away\")) {"
edit src/task/link.rs "self.header().remote.unlink() == Unlinked::Free" "!crate::mutant::on(\"a wake that cannot be put back keeps QUEUED\") && self.header().remote.unlink() == Unlinked::Free"
edit src/executor/spawner.rs "None => task.push_again()," "None if crate::mutant::on(\"a wake that was taken out is dropped\") => std::mem::forget(task),
                None => task.push_again(),"
metrics=src/executor/metrics.rs
edit $metrics "self.version.load(Ordering::Acquire)" "self.version.load($(halves "metrics are read" Acquire))"
edit $metrics "wrapping_add(2), Ordering::Release" "wrapping_add(2), $(halves "metrics are set" Release)"
edit $metrics "fence(Ordering::Acquire);" "if !crate::mutant::on(\"metrics are read without its fence\") { fence(Ordering::Acquire) }"
edit $metrics "fence(Ordering::Release);" "if !crate::mutant::on(\"metrics are set without its fence\") { fence(Ordering::Release) }"
edit $inbox "pub(crate) fn take_all(&self) -> Taken {" "pub(crate) fn take_all(&self) -> Taken {
        if crate::mutant::on(\"take_all leaves ASLEEP\") && self.head.0.look().is(Mark::Asleep) { return Taken(Chain::new()); }"
edit $inbox "pub(crate) fn close(&self) -> Taken {" "pub(crate) fn close(&self) -> Taken {
        if crate::mutant::on(\"close forgets what was pushed\") { mem::forget(self.head.0.take(Mark::Closed, Ordering::Acquire)); return Taken(Chain::new()); }"
edit $state "self.is(DEAD) && self.count() == 0 && !self.is(QUEUED)" "self.is(DEAD) && self.count() == 0 && (crate::mutant::on(\"free waits not for QUEUED\") || !self.is(QUEUED))"
edit $state "self.0 & !ABORT == ONE" "self.0 & !(if crate::mutant::on(\"is_sole overlooks QUEUED\") { ABORT | QUEUED } else { ABORT }) == ONE"
edit $state "if duty == Wake::Dead {" "if duty == Wake::Dead || (duty == Wake::Queued && next == seen && crate::mutant::on(\"a coalesced wake writes nothing\")) {"
edit $state "(next, duty) => (Snapshot(next.0 | ABORT), duty)," "(next, Wake::Queued) if crate::mutant::on(\"abort of a queued task is a wake\") => (next, Wake::Queued),
            (next, duty) => (Snapshot(next.0 | ABORT), duty),"
edit $state "pub(crate) fn unlink(&self) -> Unlinked {" "pub(crate) fn clear_late(&self) { self.0.fetch_and(!(QUEUED | NEW), Ordering::AcqRel); }
    pub(crate) fn unlink(&self) -> Unlinked {
        if crate::mutant::on(\"QUEUED is cleared after the poll\") { return Snapshot(self.0.fetch_or(0, Ordering::AcqRel)).unlink().1; }"
edit $life "if (self.header().vtable.poll)(self, cx).is_ready() {" "let polled = (self.header().vtable.poll)(self, cx);
        if crate::mutant::on(\"QUEUED is cleared after the poll\") { self.header().remote.clear_late(); }
        if polled.is_ready() {"
edit $vtable "push: |task| drop(Here::<S>::of(&task).push(Linked::won(task)))," "push: |task| {
            let back = Here::<S>::of(&task).push(Linked::won(task));
            if crate::mutant::on(\"a refused push keeps QUEUED\") { mem::forget(back) }
        },"
edit $vtable "        anchor::<S>(task);" "        if crate::mutant::skip(\"settle takes the executor's memory after DEAD\") {
            S::blocks(here).expect(\"it is registered\").borrow_mut().lose_task();
            header.flags.set(header.flags.get().anchored());
        } else {
            anchor::<S>(task);
        }"
edit $vtable "if header.remote.retire() == Released::Free {" "let owner = task.executor();
    let released = header.remote.retire();
    if crate::mutant::skipped() { retain::<S>(owner) }
    if released == Released::Free {"
edit src/task/waker.rs "unsafe fn wake(task: *const ()) {" "unsafe fn wake(task: *const ()) {
    if crate::mutant::on(\"wake lets go before it wakes\") { task_at(task).release(); return wake_task(task_at(task)); }"
edit $schedule "fn retain<S: Schedule>(executor: NonNull<()>) {" "fn retain<S: Schedule>(executor: NonNull<()>) {
    if crate::mutant::on(\"tasks keep no executor's memory\") { return }"
edit $schedule "fn release<S: Schedule>(executor: NonNull<()>) {" "fn release<S: Schedule>(executor: NonNull<()>) {
    if crate::mutant::on(\"tasks keep no executor's memory\") { return }"
edit $life "!header.flags.get().is_done() && refs.get() < u8::MAX" "(!header.flags.get().is_done() || crate::mutant::on(\"a task that is over counts local references\")) && refs.get() < u8::MAX"
edit $life "flags.replace(flags.get().held())" "flags.replace(if crate::mutant::on(\"a handle's drop does not hold its task\") { flags.get() } else { flags.get().held() })"
edit src/executor/park.rs "if self.shared.inbox().arm() =>" "if crate::mutant::on(\"the executor sleeps without arming\") || self.shared.inbox().arm() =>"
edit src/task/link.rs "header.remote.unlink() == Unlinked::Live { abort: true };" "header.remote.unlink() == Unlinked::Live { abort: true } && !crate::mutant::on(\"a link that was kept overlooks an abort\");"
edit $life "self.unlink_at_turn(); //" "if !crate::mutant::on(\"an executor goes and keeps its links\") { self.unlink_at_turn() } //"
edit $spawn "    retain::<S>(memory);" "    if !crate::mutant::on(if start.0 == Snapshot::LOCAL { \"the root is not anchored\" } else { \"an ended closure keeps no executor's memory\" }) { retain::<S>(memory) }"
edit src/task/join_slot.rs "if let Some(joiner) = joiner {" "if let Some(joiner) = joiner.filter(|_| !crate::mutant::on(\"the result wakes nobody\")) {"
edit $state "self.0.fetch_or(Snapshot(0).leave().0, Ordering::Release)" "self.0.fetch_or(Snapshot(0).leave().0, $(halves leave Release))"
edit $state "Snapshot(self.0.load(Ordering::Acquire)).is_gone()" "Snapshot(self.0.load($(halves is_gone Acquire))).is_gone()"
edit src/executor/cancel.rs "shared.mode.set(Mode::Closing);" "if !crate::mutant::on(\"the end closes nothing to its own thread\") { shared.mode.set(Mode::Closing) }"
edit src/task/remote.rs "if !is_over() && self.result.leave() {" "if !is_over() && self.result.leave() && !crate::mutant::on(\"a handle that goes aborts nothing\") {"
edit src/task/remote.rs "let dropped = catch_unwind(AssertUnwindSafe(|| this.stage.set(Stage::Gone)));" "let dropped = if crate::mutant::on(\"a result comes before the drop\") { Ok(()) } else { catch_unwind(AssertUnwindSafe(|| this.stage.set(Stage::Gone))) };"
edit src/task/join_slot.rs "(state.result.take(), state.joiner.take())" "(state.result.take(), if crate::mutant::on(\"a handle that goes leaves its waker\") { None } else { state.joiner.take() })"
# What nobody has begun.
edit $state "(!self.is(ABORT)).then_some" "(!self.is(ABORT) || crate::mutant::on(\"an ended closure is begun\")).then_some"
edit $inbox "if is_closed {" "if is_closed && !crate::mutant::on(\"a sweep reopens a closed inbox\") {"
edit $inbox "Ok(()) if is_asleep =>" "Ok(()) if is_asleep && !crate::mutant::on(\"a sweep notifies nobody\") =>"
edit src/executor/run.rs "is_idle && self.shared.has_empty_inbox()" "is_idle && (crate::mutant::on(\"a core ends while its inbox is swept\") || self.shared.has_empty_inbox())"
pool=src/blocking/pool.rs
edit $pool "if somebody_waits {" "if somebody_waits && !crate::mutant::on(\"a submission notifies nobody\") {"
edit $pool "self.shared.jobs.notify_all();" "if !crate::mutant::on(\"a close of the pool notifies nobody\") { self.shared.jobs.notify_all() }"
edit $pool "if last {" "if last && !crate::mutant::on(\"the last worker tells nobody\") {"
edit $pool "if state.is_left() || late {" "if late && crate::mutant::on(\"a worker is struck off after the lock\") {
                drop(state);
                state = self.shared.lock();
            }
            if state.is_left() || late {"
edit $pool "*is_left = true;" "if !crate::mutant::on(\"a pool is never left\") { *is_left = true }"
edit src/blocking/state.rs "queue.len() + coming" "queue.len() + if crate::mutant::on(\"a coming job is not counted\") { 0 } else { coming }"
queue=src/channel/queue.rs slot=src/channel/oneshot/halves.rs
edit $queue "let receiver = self.receivers.pop_front()?;" "if crate::mutant::on(\"a message calls no receiver\") { return None }
        let receiver = self.receivers.pop_front()?;"
edit $queue "if self.called < self.available() {" "if self.called < self.available() && !crate::mutant::on(\"a receive that gives up passes nothing on\") {"
edit $queue "self.called = later;" "self.called = if crate::mutant::on(\"a receiver that was overtaken is counted on\") { self.called.saturating_sub(1) } else { later };"
edit $queue "let parcel = self.senders.pop_front()?;" "let mut parcel = self.senders.pop_front()?;
        if crate::mutant::on(\"room wakes no sender\") { parcel.waker = None }"
edit $queue "self.called += wakes.call_all(&mut self.receivers);" "if !crate::mutant::on(\"a close wakes no receiver\") { self.called += wakes.call_all(&mut self.receivers) }"
edit $queue "wakes.call_all(&mut self.watchers);" "if !crate::mutant::on(\"a close is told to no sender\") { wakes.call_all(&mut self.watchers); }"
edit $queue "self.closed && self.reserved == 0" "self.closed && (crate::mutant::on(\"a close does not wait for permits\") || self.reserved == 0)"
permits=src/channel/queue/permits.rs
edit $permits "wakes.extend(self.refill());" "let next = self.refill(); if !crate::mutant::on(\"a permit that is dropped wakes no sender\") { wakes.extend(next) }"
edit $permits "None => (None, self.release())," "None if crate::mutant::on(\"a reservation that gives up keeps its room\") => (None, Wakes::new()),
            None => (None, self.release()),"
edit $queue "wakes.extend(parcel.waker.take())" "wakes.extend(parcel.waker.take().filter(|_| !crate::mutant::on(\"a close wakes no sender\")))"
edit $queue "wakes: queue.close()," "wakes: if crate::mutant::on(\"the last receiver leaves the queue open\") { None } else { queue.close() },"
edit $slot "if mem::replace(&mut self.closed, true) {" "if mem::replace(&mut self.closed, true) && !crate::mutant::on(\"a closed oneshot takes the message\") {"
edit $slot "Ok(self.receiver.take())" "Ok(self.receiver.take().filter(|_| !crate::mutant::on(\"the message of a oneshot wakes nobody\")))"
edit $slot "[self.receiver.take(), self.sender.take()]" "[self.receiver.take().filter(|_| !crate::mutant::on(\"the end of a oneshot's sender wakes nobody\")), self.sender.take()]"

# Connections between cores.
members=src/net/balance/members.rs
edit $members "self.receiver.close();" "if !crate::mutant::on(\"a leaver looks before it closes\") { self.receiver.close(); }"
edit $members "self.members.hand_on_or_close(" "if crate::mutant::on(\"a leaver drops what it finds\") { drop(what); continue }
            self.members.hand_on_or_close("
edit $members "while let Ok(Handed { what, counted }) = queue.try_recv() {" "while let Ok(Handed { what, counted }) = queue.try_recv() {
            if crate::mutant::on(\"what is taken back is dropped\") { continue }"
edit $members "let entrance = locked.take();" "let entrance = if crate::mutant::on(\"a leaver leaves its entrance\") { None } else { locked.take() };"
edit $members "sender.try_send(handed).map_err(" "if crate::mutant::on(\"a refused connection is forgotten\") { let _ = sender.try_send(handed); return Ok(()) }
        sender.try_send(handed).map_err("

# Runtimes.
injector=src/runtime/injector.rs
edit $injector "if self.queue.is_empty() || self.called.is_some() {" "if self.queue.is_empty() || self.called.is_some() || crate::mutant::on(\"an addition calls nobody\") {"
edit $injector "if listed {" "if crate::mutant::on(\"a core that comes stays called\") {
            state.idle.retain(|&idle| idle != self.core);
        } else if listed {"
edit $injector "next.into_iter().for_each(Waker::wake); //" "next.into_iter().filter(|_| !crate::mutant::on(\"a core that comes calls no other\")).for_each(Waker::wake); //"
edit $injector "state.wakers.iter().flatten().cloned().collect()" "if crate::mutant::on(\"the first addition calls nobody\") { Vec::new() } else { state.wakers.iter().flatten().cloned().collect() }"
edit $injector "if listed {" "if listed && !crate::mutant::on(\"a core that is busy stays listed\") {"
edit src/executor/park.rs "let unstarted = self.injector.as_ref()" "let unstarted = self.injector.as_ref().filter(|_| !crate::mutant::on(\"a core that wakes looks at the queue last\"))"
edit $injector "state.idle.push(self.core);" "if !crate::mutant::on(\"a core sleeps without being listed\") { state.idle.push(self.core) }"
edit $injector "if state.closed {" "if state.closed && !crate::mutant::on(\"a closed queue takes more\") {"
edit src/runtime/shutdown/phase.rs "Wakes::all(&mut state.waiting)" "if crate::mutant::on(\"the end is told to nobody\") { Wakes::new() } else { Wakes::all(&mut state.waiting) }"
edit src/runtime/shared.rs "self.shut.store(1, Ordering::Relaxed);" "if !crate::mutant::on(\"the gate stays open\") { self.shut.store(1, Ordering::Relaxed) }"

mutants='update without Release
update without Acquire
unlink without Release
unlink without Acquire
release relaxed
fence removed
is_sole relaxed
retire without Release
retire without Acquire
push without Release
push without Acquire
arm relaxed
take_all relaxed
take_tasks relaxed
metrics are read relaxed
metrics are set relaxed
metrics are read without its fence
metrics are set without its fence
close relaxed
signal is raised relaxed
signal is taken relaxed
push notifies nobody
push reopens a closed inbox
arm is a plain store
take_all leaves ASLEEP
take_tasks takes ASLEEP away
a wake that was taken out is dropped
a wake that cannot be put back keeps QUEUED
close forgets what was pushed
free waits not for QUEUED
is_sole overlooks QUEUED
a coalesced wake writes nothing
abort of a queued task is a wake
a link that was kept overlooks an abort
an executor goes and keeps its links
QUEUED is cleared after the poll
a refused push keeps QUEUED
settle takes the executor'\''s memory after DEAD
tasks keep no executor'\''s memory
wake lets go before it wakes
the executor sleeps without arming
the root is not anchored
leave relaxed
is_gone relaxed
the end closes nothing to its own thread
a handle that goes aborts nothing
a handle that goes leaves its waker
a result comes before the drop
a task that is over counts local references
a handle'\''s drop does not hold its task
the result wakes nobody
an ended closure is begun
an ended closure keeps no executor'\''s memory
a sweep reopens a closed inbox
a sweep notifies nobody
a core ends while its inbox is swept
a core that comes stays called
a core that comes calls no other
a submission notifies nobody
a close of the pool notifies nobody
the last worker tells nobody
a worker is struck off after the lock
a pool is never left
a coming job is not counted
a message calls no receiver
a receive that gives up passes nothing on
a receiver that was overtaken is counted on
a close is told to no sender
a close does not wait for permits
a permit that is dropped wakes no sender
a reservation that gives up keeps its room
room wakes no sender
a close wakes no receiver
a close wakes no sender
the last receiver leaves the queue open
the message of a oneshot wakes nobody
a closed oneshot takes the message
the end of a oneshot'\''s sender wakes nobody
a leaver looks before it closes
a leaver drops what it finds
what is taken back is dropped
a leaver leaves its entrance
a refused connection is forgotten
an addition calls nobody
the first addition calls nobody
a core sleeps without being listed
a core that is busy stays listed
a core that wakes looks at the queue last
a closed queue takes more
the end is told to nobody
the gate stays open'
if [ $# -gt 0 ]; then mutants=$(printf '%s\n' "$@"); fi

cargo loom --no-run > build.log 2>&1 || { cat build.log; exit 1; }
tests=$(sed -n 's/.*(\(target\/loom\/release\/deps\/[a-z_]*-[0-9a-f]*\))$/\1/p' build.log)

# A model that fails may end its whole test binary (a panic in the destructors of a model that has failed), so each runs by itself.
run() {
    failed=
    for test in $tests; do
        for name in $($test --list 2> /dev/null | sed -n 's/: test$//p' | grep -v '^control_'); do
            MUTANT=$1 timeout 120 "$test" --exact "$name" > run.log 2>&1 || failed="$failed $name"
        done
    done
    echo "$1:${failed:- SURVIVES}"
}
run ''
printf '%s\n' "$mutants" > mutants.list
while IFS= read -r mutant; do run "$mutant"; done < mutants.list
