//! The ring: what comes out is what was pushed, at its position; what is not needed is given back.
#![allow(clippy::cast_possible_truncation)]

use proptest::prelude::*;
use speechwire_pcm::{Bounds, Outgoing, Ring};

const FRAME: usize = 2;
const QUEUE: u64 = 400;
const REPLAY: u64 = 300;

fn bounds() -> Bounds {
    Bounds {
        frame_bytes: FRAME,
        queue: QUEUE,
        replay: REPLAY,
    }
}

/// Frames whose bytes say where they stand.
fn counted(start: u64, frames: u64) -> Vec<u8> {
    (start..start + frames)
        .flat_map(|frame| (frame as u16).to_le_bytes())
        .collect()
}

fn next(ring: &Ring) -> Vec<u8> {
    let bytes = ring.next_parts().collect::<Vec<_>>().concat();
    assert_eq!(bytes.len(), ring.next_size());
    bytes
}

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    PassOn(u64),
    Flush,
    Take,
    Acknowledge(u64, u64),
    Rewind(bool),
    GiveUp(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..150).prop_map(Step::Append),
        4 => (1_u64..150).prop_map(Step::PassOn),
        1 => Just(Step::Flush),
        6 => Just(Step::Take),
        2 => (0_u64..5000, 0_u64..80).prop_map(|(position, run_up)| Step::Acknowledge(position, run_up)),
        1 => any::<bool>().prop_map(Step::Rewind),
        1 => (0_u64..5000).prop_map(Step::GiveUp),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_moves_and_nothing_vanishes_uncounted(steps in steps()) {
        let mut ring = Ring::new(bounds());
        let (mut lost, mut position) = (0, 0);
        for step in steps {
            match step {
                Step::Append(frames) => lost += ring.append(&counted(ring.end(), frames)),
                Step::PassOn(frames) if ring.waiting() == 0 => {
                    ring.pass_on(&counted(ring.end(), frames));
                    position = ring.end();
                }
                Step::PassOn(_) => {}
                Step::Flush => ring.mark_flush(),
                Step::Take => {
                    let bytes = next(&ring);
                    if let Some(item) = ring.take() {
                        prop_assert!(item.start >= position);
                        prop_assert_eq!(&bytes, &counted(item.start, item.frames));
                        position = item.end();
                    }
                }
                Step::Acknowledge(to, run_up) => ring.acknowledge(to.min(position), run_up),
                Step::Rewind(replaced) => {
                    lost += ring.rewind(replaced);
                    position = position.min(ring.next_position());
                }
                Step::GiveUp(until) => lost += ring.give_up_repeats(until),
            }
            let (open, unanswered) = (ring.end() - ring.acknowledged(), ring.unanswered_frames());
            prop_assert!(unanswered <= open && open <= unanswered + lost);
            prop_assert_eq!(ring.is_unanswered(), unanswered > 0);
            prop_assert!(ring.kept() <= REPLAY && ring.queued() <= QUEUE + REPLAY);
        }
    }
}

#[test]
fn an_idle_ring_holds_next_to_nothing() {
    let mut ring = Ring::new(Bounds {
        queue: 1 << 20,
        replay: 1 << 20,
        ..bounds()
    });
    assert_eq!(ring.capacity_bytes(), 0);
    for _ in 0..500 {
        ring.append(&[0; 1000]);
        ring.mark_flush();
    }
    while ring.take().is_some() {}
    assert!(ring.capacity_bytes() >= 500_000);
    assert!(
        ring.capacity_bytes() <= 600_000,
        "a block more than there is, and the accounts"
    );
    ring.acknowledge(ring.end() - 500, 0);
    assert!(ring.capacity_bytes() <= 20_000, "two blocks hold it");
    ring.acknowledge(ring.end(), 0);
    assert!(ring.capacity_bytes() <= 2_000);
    assert_eq!(ring.kept(), 0);
}

#[test]
fn a_live_stream_is_sent_as_it_comes() {
    let mut stream = Outgoing::new(bounds(), 50);
    stream.open();
    assert!(
        !stream.offer(&counted(0, 10), 0.0),
        "the task has to tell where audio begins"
    );
    assert!(stream.take(0.0).is_some());
    stream.rest(true);
    for step in 1..100 {
        assert!(stream.offer(&counted(stream.ring().end(), 1), f64::from(step)));
        stream.pushed(f64::from(step));
        stream.ring_mut().acknowledge(u64::MAX, 0);
    }
    assert_eq!(stream.counts().messages, 100);
    assert_eq!(stream.connection(), 109);
    assert!(!stream.needs_task());
    stream.put_in_silence(5);
    assert!(!stream.offer(&counted(0, 1), 100.0), "silence is a jump");
}
