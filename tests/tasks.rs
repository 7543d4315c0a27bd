use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wakeline::*;

#[test]
fn spawned_tasks_run_in_order() {
    let trace = Rc::new(RefCell::new(Vec::new()));
    block_on(async {
        let handles: Vec<_> = (0..1000)
            .map(|i| {
                let t = trace.clone();
                spawn(async move {
                    t.borrow_mut().push(i);
                    yield_now().await;
                    i
                })
            })
            .collect();
        for (i, h) in handles.into_iter().enumerate() {
            assert_eq!(h.await.unwrap(), i);
        }
    });
    assert_eq!(*trace.borrow(), (0..1000).collect::<Vec<_>>());
}
#[test]
fn remote_wakes_arrive() {
    let ex = LocalExecutor::new();
    let sp = ex.spawner();
    let t = std::thread::spawn(move || {
        let mut v = vec![];
        for i in 0..1000 {
            v.push(sp.spawn(move || async move {
                yield_now().await;
                Rc::new(i);
                i
            }));
        }
        block_on(async {
            let mut s = 0;
            for h in v {
                s += h.await.unwrap();
            }
            s
        })
    });
    ex.block_on(async {
        while !t.is_finished() {
            yield_now().await
        }
    });
    assert_eq!(t.join().unwrap(), 499500);
}
#[test]
fn dropping_works() {
    let flag = Rc::new(Cell::new(0));
    struct D(Rc<Cell<i32>>);
    impl Drop for D {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1)
        }
    }
    let ex = LocalExecutor::new();
    let d = D(flag.clone());
    let h = ex.spawn(async move {
        let _d = d;
        std::future::pending::<()>().await
    });
    let h2 = ex.spawn(async move { 3 });
    ex.run_until_stalled();
    drop(ex);
    assert_eq!(flag.get(), 1);
    assert!(h.is_finished() && h2.is_finished());
    assert_eq!(block_on(h2).unwrap(), 3);
    assert!(block_on(h).is_err());
}
