//! The committed vectors, on every code path.

mod common;

use common::{Numbers, convert, golden};
use speechwire_pcm::{Format, Kernel, Layout};

#[test]
fn every_path_gives_the_golden_bytes() {
    let input = std::fs::read(golden("input_stereo.pcm")).expect("the input");
    let layout = Layout {
        format: Format::S16le,
        channels: 2,
        chunk_samples: 1600,
    };
    let names = [
        "48000_16000_2_fast",
        "48000_16000_2_balanced",
        "48000_16000_2_best",
    ];
    for name in names
        .into_iter()
        .chain(["24000_16000_2_balanced", "16000_48000_2_balanced"])
    {
        let table = Numbers::read(&format!("table_{}.i32", name.replace("_2_", "_"))).table();
        let expected = std::fs::read(golden(&format!("{name}_s16le.pcm"))).expect("the output");
        for kernel in Kernel::available() {
            let got = convert(&table, layout, kernel, &[&input]);
            assert_eq!(common::bytes(&got), expected, "{name} on {}", kernel.name());
        }
    }
}

#[test]
fn this_machine_has_a_vector_path() {
    let names: Vec<_> = Kernel::available().into_iter().map(Kernel::name).collect();
    assert_eq!(names[0], "scalar");
    #[cfg(target_arch = "aarch64")]
    assert_eq!(names[1], "neon");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(is_x86_feature_detected!("avx2"), names.contains(&"avx2"));
}
