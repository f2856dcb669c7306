//! Every code path equals the specification, for any table the proof admits and any input, however cut.
#![allow(clippy::cast_possible_truncation)]

mod common;

use common::{Numbers, bytes, convert, mono_layout};
use proptest::prelude::*;
use speechwire_pcm::{Format, Kernel, Layout, TableError};

/// Any table that the proof admits: with a row for each phase, or with fewer.
fn tables() -> impl Strategy<Value = Numbers> {
    let ratios = prop_oneof![
        (1_usize..8, 1_usize..12).prop_map(|(up, down)| (up, down, up)),
        (2_usize..700, 1_usize..900, 1_usize..8).prop_map(|(up, down, phases)| (
            up,
            down,
            phases.min(up - 1)
        )),
    ];
    let sizes = (ratios, 1_usize..90, 11_u32..24, 1_i32..300_000);
    sizes.prop_flat_map(|((up, down, phases), n_taps, shift, largest)| {
        let rows = if phases == up { up } else { phases + 1 };
        let taps = prop::collection::vec(-largest..=largest, rows * n_taps);
        (taps, 0..n_taps).prop_map(move |(taps, center)| Numbers {
            up,
            down,
            phases,
            center,
            shift,
            taps,
        })
    })
}

/// Noise, and the extremes that come closest to every bound.
fn samples() -> impl Strategy<Value = Vec<i16>> {
    prop_oneof![
        prop::collection::vec(any::<i16>(), 0..700),
        (0_usize..700, 1_usize..40).prop_map(|(count, period)| {
            (0..count)
                .map(|n| {
                    if n / period % 2 == 0 {
                        i16::MIN
                    } else {
                        i16::MAX
                    }
                })
                .collect()
        }),
        (0_usize..700).prop_map(|count| vec![i16::MIN; count]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_path_equals_the_specification(numbers in tables(), mono in samples()) {
        prop_assume!(numbers.made().is_ok());
        let (table, expected) = (numbers.table(), numbers.specification(&mono));
        for kernel in Kernel::available() {
            let got = convert(&table, mono_layout(), kernel, &[&bytes(&mono)]);
            prop_assert_eq!(&got, &expected, "{}", kernel.name());
        }
    }

    #[test]
    fn any_cut_gives_the_same(
        pcm in prop::collection::vec(any::<u8>(), 0..6000),
        cuts in prop::collection::vec(0_usize..6000, 0..8),
        channels in 1_usize..6,
        format in prop::sample::select(vec![Format::S16le, Format::Mulaw, Format::Alaw, Format::F32le]),
        name in prop::sample::select(vec!["48000_16000_balanced", "24000_16000_balanced", "16000_48000_balanced"]),
    ) {
        let table = Numbers::read(&format!("table_{name}.i32")).table();
        let layout = Layout { format, channels, chunk_samples: 160 };
        let mut edges: Vec<usize> = cuts.into_iter().map(|cut| cut.min(pcm.len())).chain([0, pcm.len()]).collect();
        edges.sort_unstable();
        let pieces: Vec<&[u8]> = edges.windows(2).map(|pair| &pcm[pair[0]..pair[1]]).collect();
        let expected = convert(&table, layout, Kernel::SCALAR, &[&pcm]);
        for kernel in Kernel::available() {
            prop_assert_eq!(&convert(&table, layout, kernel, &pieces), &expected, "{}", kernel.name());
        }
    }
}

/// A table of equal taps, with an input that brings every lane and the total as close to wrapping as they get.
#[test]
fn the_proof_admits_the_bound_and_nothing_more() {
    let admits = |tap: i32, shift: u32| {
        let numbers = Numbers {
            up: 1,
            down: 1,
            phases: 1,
            center: 0,
            shift,
            taps: vec![tap; 16],
        };
        numbers.made().is_ok().then_some(numbers)
    };
    let taps: Vec<i32> = (1..1 << 23).collect();
    let count = taps.partition_point(|&tap| admits(tap, 30).is_some());
    let (last, next) = (taps[count - 1], taps[count]);
    let numbers = admits(last, 30).expect("the last one admitted");
    assert!(
        (i64::from(next) * 16 * 32_768) >> 10 > i64::from(i32::MAX) - (1 << 20),
        "the bound is tight"
    );
    for extreme in [i16::MIN, i16::MAX] {
        let mono = vec![extreme; 64];
        for kernel in Kernel::available() {
            let got = convert(&numbers.table(), mono_layout(), kernel, &[&bytes(&mono)]);
            assert_eq!(got, numbers.specification(&mono), "{}", kernel.name());
        }
    }
}

/// Two taps of 32767 side by side, and more elsewhere in the lane: 65535 in all is the bound, and what is above must
/// be carried in between. In a debug build a wrap panics.
#[test]
fn a_lane_at_its_bound_does_not_wrap() {
    for (spread, more) in [(1, 1), (5, 1), (1, 2), (1, 20), (3, 255), (5, 32_767)] {
        let mut taps = vec![0; 16 * (spread + 1)];
        (taps[0], taps[1], taps[16 * spread]) = (32_767, 32_767, more);
        let numbers = Numbers {
            up: 1,
            down: 1,
            phases: 1,
            center: 0,
            shift: 17,
            taps,
        };
        for extreme in [i16::MIN, i16::MAX] {
            let mono = vec![extreme; 200];
            for kernel in Kernel::available() {
                let got = convert(&numbers.table(), mono_layout(), kernel, &[&bytes(&mono)]);
                assert_eq!(got, numbers.specification(&mono), "{}", kernel.name());
            }
        }
    }
}

/// Long steps, and pushes that fill the history to its end, where a group reads furthest.
#[test]
fn a_full_history_has_room_for_every_window() {
    let mono: Vec<i16> = (0..60_000_i32)
        .map(|n| (n * 7919 % 65_536 - 32_768) as i16)
        .collect();
    let pcm = bytes(&mono);
    for (up, down, phases, n_taps) in [
        (1, 48, 1, 20),
        (1, 48, 1, 500),
        (7, 300, 7, 33),
        (3, 2, 3, 64),
        (191_999, 48 * 192_000, 3, 20),
        (4001, 191_999, 3, 33),
        (47_999, 48_000, 3, 33),
    ] {
        let rows = if phases == up { up } else { phases + 1 };
        let taps = (0..rows * n_taps)
            .map(|k| i32::try_from(k % 97).expect("small") * 40 - 1900)
            .collect();
        let numbers = Numbers {
            up,
            down,
            phases,
            center: n_taps / 2,
            shift: 20,
            taps,
        };
        let expected = numbers.specification(&mono);
        for kernel in Kernel::available() {
            for size in [4096, 4094, 1333] {
                let pieces: Vec<&[u8]> = pcm.chunks(size).collect();
                assert_eq!(
                    convert(&numbers.table(), mono_layout(), kernel, &pieces),
                    expected,
                    "{}",
                    kernel.name()
                );
            }
        }
    }
}

#[test]
fn what_is_not_a_table_is_refused() {
    let refused = |up, down, phases, taps: &[i32], center, shift| {
        speechwire_pcm::FilterTable::new(up, down, phases, taps, center, shift)
            .expect_err("refused")
    };
    assert_eq!(refused(0, 1, 1, &[1], 0, 12), TableError::Empty);
    assert_eq!(refused(1, 1, 0, &[1], 0, 12), TableError::Empty);
    assert_eq!(refused(1, 1, 1, &[], 0, 12), TableError::Empty);
    assert_eq!(
        refused(2, 1, 2, &[1, 2, 3], 0, 12),
        TableError::Shape { rows: 2, taps: 3 }
    );
    assert_eq!(
        refused(9, 1, 2, &[1, 2], 0, 12),
        TableError::Shape { rows: 3, taps: 2 }
    );
    let (phases, up) = (10, 9);
    assert_eq!(
        refused(up, 1, phases, &[1; 11], 0, 12),
        TableError::Phases { phases, up }
    );
    let (phases, up) = (1 << 15, 1 << 17);
    assert_eq!(
        refused(up, 1, phases, &[1], 0, 12),
        TableError::Phases { phases, up }
    );
    assert_eq!(
        refused(1, 1, 1, &[1, 2], 2, 12),
        TableError::Center {
            center: 2,
            n_taps: 2
        }
    );
    assert_eq!(
        refused(1, 1, 1, &[1, 2], 0, 10),
        TableError::Shift { shift: 10 }
    );
    assert_eq!(
        refused(1, 1, 1, &[1 << 25], 0, 12),
        TableError::Range { tap: 1 << 25 }
    );
    let gain = refused(1, 1, 1, &[1 << 24; 9], 0, 12);
    assert!(matches!(gain, TableError::Gain { .. }));
    assert!(gain.to_string().contains("2**31 - 1"));
}
