/// Format of the input samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Signed 16-bit, little-endian.
    S16le,
    /// ITU-T G.711 mu-law.
    Mulaw,
    /// ITU-T G.711 A-law.
    Alaw,
    /// IEEE 754 single precision, little-endian; full scale 1.0.
    F32le,
}

impl Format {
    /// Bytes of one sample.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Mulaw | Self::Alaw => 1,
            Self::S16le => 2,
            Self::F32le => 4,
        }
    }

    /// The format of this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "s16le" => Some(Self::S16le),
            "mulaw" => Some(Self::Mulaw),
            "alaw" => Some(Self::Alaw),
            "f32le" => Some(Self::F32le),
            _ => None,
        }
    }
}

/// One sample in some format, read as 16 bits. `WIDTH` is its size in bytes.
pub(crate) trait Sample<const WIDTH: usize> {
    fn decode(bytes: [u8; WIDTH]) -> i16;
}

pub(crate) struct S16le;
pub(crate) struct Mulaw;
pub(crate) struct Alaw;
pub(crate) struct F32le;

impl Sample<2> for S16le {
    #[inline(always)]
    fn decode(bytes: [u8; 2]) -> i16 {
        i16::from_le_bytes(bytes)
    }
}

impl Sample<1> for Mulaw {
    #[inline(always)]
    fn decode(bytes: [u8; 1]) -> i16 {
        MULAW[usize::from(bytes[0])]
    }
}

impl Sample<1> for Alaw {
    #[inline(always)]
    fn decode(bytes: [u8; 1]) -> i16 {
        ALAW[usize::from(bytes[0])]
    }
}

impl Sample<4> for F32le {
    /// floor(32768 x + 1/2), saturated; not-a-number is silence. In f64 the sum is exact wherever it matters: a
    /// value too small to be added exactly cannot reach the next integer. `as` saturates and maps NaN to 0.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)]
    fn decode(bytes: [u8; 4]) -> i16 {
        (f64::from(f32::from_le_bytes(bytes)) * 32768.0 + 0.5).floor() as i16
    }
}

static MULAW: [i16; 256] = tables().0;
static ALAW: [i16; 256] = tables().1;

const fn tables() -> ([i16; 256], [i16; 256]) {
    let (mut mulaws, mut alaws) = ([0; 256], [0; 256]);
    let mut code = u8::MAX;
    loop {
        mulaws[code as usize] = mulaw(code);
        alaws[code as usize] = alaw(code);
        if code == 0 {
            return (mulaws, alaws);
        }
        code -= 1;
    }
}

const fn mulaw(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((2 * (code & 15) as i16 + 33) << (code >> 4 & 7)) - 33) * 4;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

const fn alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (exponent, linear) = (code >> 4 & 7, 2 * (code & 15) as i16 + 1);
    let magnitude = if exponent == 0 {
        linear
    } else {
        (linear + 32) << (exponent - 1)
    } * 8;
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}
