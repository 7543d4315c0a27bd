//! What is decided, step by step: a script says what the cores' threads do and what is accepted
//! when, and what comes of it is written beside it. No clock runs.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::net::balance::policy::BalancePolicy::{Busy, Connections};

/// Cores, each with a thread of its own, what they serve, and a clock that is moved by hand.
struct Scenario {
    members: Arc<Members<u32>>,
    cores: Vec<Option<Membership<u32>>>,
    served: Vec<Vec<Counted>>,
    /// What waits in front of each core.
    backlogs: Vec<mpsc::Sender<u32>>,
    now: u64,
}

impl Scenario {
    fn new(count: usize, policy: BalancePolicy) -> Self {
        let rules = Rules { policy, ..Rules::DEFAULT };
        let members = Arc::new(Members::new(count, rules));
        let (mut cores, mut backlogs) = (Vec::new(), Vec::new());
        for core in 0..count {
            let (sender, receiver) = mpsc::channel();
            let backlog = Some(Box::new(move || receiver.try_recv().ok()) as BacklogSource<u32>);
            cores.push(Members::join(&members, Joining { core, cpu: Some(core + 10), backlog, arrivals: None }).ok());
            backlogs.push(sender);
            members.load(core).meter().begin(core + 1, 0);
            members.load(core).meter().parks(0);
        }
        let served = (0..count).map(|_| Vec::new()).collect();
        Self { members, cores, served, backlogs, now: 0 }
    }

    fn core(&self, core: usize) -> &Membership<u32> {
        self.cores[core].as_ref().unwrap()
    }

    /// One step of a script, and what comes of it.
    fn step(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |place: usize| words[place].parse::<usize>().unwrap();
        match words[0] {
            // Time passes.
            "ms" => self.now += number(1) as u64 * 1_000_000,
            "wakes" => self.members.load(number(1)).meter().unparks(self.now),
            "looks" => self.members.load(number(1)).meter().looks(self.now),
            "parks" => self.members.load(number(1)).meter().parks(self.now),
            // Something comes to the backlog.
            "knocks" => self.backlogs[number(1)].send(number(2) as u32).unwrap(),
            "accepts" | "accepts_from" => return self.accepts(number(1), words.get(2).map(|cpu| cpu.parse().unwrap())),
            "watches" => {
                let mut guarded = String::new();
                let watch = self.core(number(1)).watch(self.now, |core| guarded.push_str(&format!(", guards {core}")));
                return format!("{watch:?}{guarded}");
            }
            "keeps" => return self.core(number(1)).keeps_guarding(number(2), self.now).to_string(),
            "fetches" => return self.fetches(number(1)),
            "ends" => drop(self.served[number(1)].pop()),
            "leaves" => self.cores[number(1)] = None,
            other => panic!("{other}"),
        }
        String::new()
    }

    fn accepts(&mut self, core: usize, cpu: Option<usize>) -> String {
        let before: Vec<_> = (0..self.members.count()).map(|other| self.members.load(other).waiting()).collect();
        match self.core(core).place(0, cpu, self.now) {
            Placed::Here(_, counted) => {
                self.served[core].push(counted);
                "here".into()
            }
            Placed::Away => {
                let grew = |&other: &usize| self.members.load(other).waiting() > before[other];
                format!("to {}", (0..before.len()).find(grew).unwrap())
            }
        }
    }

    /// All that was handed to a core.
    fn fetches(&mut self, core: usize) -> String {
        let mut fetched = Vec::new();
        loop {
            let polled = pin!(self.core(core).recv()).poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready((what, counted)) = polled else { break };
            fetched.push(what);
            self.served[core].push(counted);
        }
        format!("{fetched:?}")
    }

    /// Each line is a step, and after `=>` what must come of it.
    fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (step, expected) = line.split_once("=>").unwrap_or((line, ""));
            assert_eq!(self.step(step), expected.trim(), "{line}, live {:?}", self.live());
        }
    }

    fn live(&self) -> Vec<usize> {
        (0..self.members.count()).map(|core| self.members.load(core).live()).collect()
    }
}

#[test]
fn a_busy_core_hands_on_what_it_accepts_however_few_it_serves() {
    let mut world = Scenario::new(2, Busy);
    world.play(
        "wakes 1
         accepts 1 => here
         fetches 0 => []
         accepts 1 => to 0
         fetches 0 => [0]
         ms 100
         looks 1
         accepts 1 => to 0
         accepts 1 => to 0
         fetches 0 => [0, 0]
         accepts 0 => here
         ms 1000
         looks 1
         parks 1
         accepts 0 => here
         ms 1000
         accepts 0 => to 1",
    );
    assert_eq!(world.live(), [5, 2]);
}

#[test]
fn cores_that_are_about_as_busy_are_told_apart_by_their_connections() {
    let mut world = Scenario::new(3, Busy);
    world.play(
        "accepts 0 => here
         accepts 0 => to 1
         accepts 0 => to 2
         accepts 0 => here
         accepts 0 => to 1
         accepts 0 => to 2
         fetches 1 => [0, 0]
         ends 1
         accepts 0 => to 1
         accepts 0 => here
         accepts 2 => here",
    );
    assert_eq!(world.live(), [3, 2, 3]);
}

// However idle it was: what waits there has not shown in its share yet.
#[test]
fn a_burst_does_not_all_go_to_the_core_that_was_idle_before_it() {
    let mut world = Scenario::new(2, Busy);
    world.play("wakes 0\nms 70\nlooks 0");
    let trace: Vec<_> = (0..20).map(|_| world.step("accepts 0")).collect();
    let given = trace.iter().filter(|to| *to == "to 1").count();
    assert_eq!(world.live(), [10, 10], "{trace:?}");
    assert!(trace[..7].iter().all(|to| to == "to 1"), "the first ones, by the share: {trace:?}");
    assert_eq!(given, 10);
}

#[test]
fn a_core_that_is_stuck_is_given_nothing_and_what_waits_for_it_is_taken_back() {
    for policy in [Busy, Connections] {
        let mut world = Scenario::new(3, policy);
        world.play(
            "wakes 0
             accepts 0 => here
             accepts 0 => to 1
             accepts 0 => to 2
             knocks 1 7
             knocks 1 8
             watches 0 => Doubtful
             fetches 2 => [0]
             wakes 1
             ms 9
             looks 0
             watches 0 => Needed
             fetches 0 => []
             ms 1
             watches 0 => Needed, guards 1
             fetches 2 => [0, 8]
             fetches 0 => [7]
             fetches 1 => []",
        );
        // 0, 0, 0, 7, 8: each of them once.
        assert_eq!(world.live().iter().sum::<usize>(), 5, "{:?}", world.live());
        assert_eq!(world.live()[1], 0);
        world.play(
            "accepts 0 => here
             accepts 0 => here
             accepts 0 => to 2
             looks 1
             accepts 0 => to 1
             fetches 1 => [0]
             parks 1
             fetches 2 => [0]
             parks 2
             watches 0 => Needless",
        );
        let counts = |core: usize| {
            let load = world.members.load(core);
            (load.counted(Counter::Accepted), load.counted(Counter::HandedAway), load.counted(Counter::TakenOver))
        };
        let all: Vec<_> = (0..3).map(counts).collect();
        assert_eq!((all[1].0, all[1].1), (2, 2), "the backlog's are its own: {all:?}");
    }
}

#[test]
fn when_all_others_are_stuck_the_core_keeps_what_it_accepts_and_a_leaver_gives_it_to_them() {
    let mut world = Scenario::new(3, Busy);
    world.play(
        "wakes 1
         wakes 2
         accepts 1 => here
         accepts 1 => to 2
         ms 10
         accepts 0 => here
         watches 0 => Needed, guards 1, guards 2
         fetches 0 => [0]
         looks 1
         accepts 1 => here
         accepts 1 => here
         accepts 1 => to 0
         ms 10
         leaves 0
         fetches 2 => [0]",
    );
}

// Its thread is the one that asks.
#[test]
fn cores_of_one_thread_are_as_busy_as_each_other_and_never_stuck() {
    let mut world = Scenario::new(2, Busy);
    world.members.load(0).meter().begin(5, 0);
    world.play("ms 300");
    world.members.load(1).meter().begin(5, world.now);
    world.play(
        "ms 50
         accepts 0 => here
         accepts 0 => to 1
         watches 0 => Needless
         fetches 1 => [0]",
    );
}

#[test]
fn one_idle_core_guards_a_busy_one_and_another_takes_its_place() {
    let mut world = Scenario::new(4, Busy);
    world.play(
        "wakes 1
         ms 90
         looks 1
         watches 0 => Needed
         ms 60
         looks 1
         watches 0 => Needed, guards 1
         watches 2 => Needed
         keeps 0 1 => true
         keeps 2 1 => false
         watches 0 => Needed
         leaves 0
         watches 2 => Needed, guards 1
         wakes 2
         looks 1
         ms 11
         looks 1
         watches 3 => Needed, guards 1, guards 2
         keeps 2 1 => false
         keeps 3 1 => true
         looks 2
         keeps 3 2 => false
         parks 1
         ms 30
         keeps 3 1 => false",
    );
    let mut world = Scenario::new(2, Connections);
    world.play("wakes 1\nms 500\nlooks 1\nwatches 0 => Needed\nms 10\nwatches 0 => Needed, guards 1");
}

#[test]
fn a_connection_goes_to_the_core_of_its_cpu_if_that_can_serve() {
    let mut world = Scenario::new(3, BalancePolicy::IncomingCpu);
    world.play(
        "accepts_from 0 12 => to 2
         accepts_from 0 12 => to 2
         accepts_from 0 10 => here
         accepts_from 0 10 => here
         accepts_from 0 99 => to 1
         wakes 2
         ms 10
         accepts_from 0 12 => to 1
         fetches 1 => [0, 0]
         leaves 1
         accepts_from 0 11 => here
         accepts_from 0 11 => here
         looks 2
         accepts_from 0 12 => to 2",
    );
}

#[test]
fn a_slack_without_end_hands_nothing_on() {
    let mut world = Scenario::new(2, Busy);
    world.members = Arc::new(Members::new(2, Rules { slack: usize::MAX, ..Rules::DEFAULT }));
    for core in 0..2 {
        world.cores[core] = Members::join(&world.members, Joining { core, cpu: None, backlog: None, arrivals: None }).ok();
        world.members.load(core).meter().begin(core, 0);
    }
    world.play("ms 500\nlooks 1\nparks 1\nms 500\naccepts 0 => here\naccepts 0 => here");
}
