//! The decimal digits that `Double.toString` of JDK 17 writes.
//!
//! They are most often the shortest that read back as the number, but not always: JDK 17 writes
//! 1.4E23 as 1.4000000000000001E23. The steps and the three widths of the arithmetic are those of its
//! `FloatingDecimal.BinaryToASCIIBuffer.dtoa`, because the digits depend on them.

use std::cmp::Ordering;

/// `0.d₁d₂… · 10^exponent`: ASCII digits, at least one, the first one not zero but for zero itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DoubleDigits {
    digits: [u8; 20],
    count: usize,
    exponent: i32,
}

/// Bits of a DOUBLE's significand, the hidden one not counted.
const SHIFT: u32 = 52;

impl DoubleDigits {
    /// Of a finite number that is not negative.
    pub(crate) fn of(number: f64) -> Self {
        if Self::are_shortest(number) {
            Self::shortest(number)
        } else {
            Self::step_by_step(number)
        }
    }

    /// Whether the digits are the shortest that read back as the number, because no number of this
    /// range lies halfway between two texts of so few digits.
    pub(crate) fn are_shortest(number: f64) -> bool {
        (1e-3..1e7).contains(&number.abs())
    }

    /// In the range of [`Self::are_shortest`], where texts have no exponent.
    fn shortest(number: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(number);
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut found = Self::empty();
        found.exponent = whole.len() as i32;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if found.count == 0 && digit == b'0' {
                found.exponent -= 1;
            } else {
                found.push(digit - b'0');
            }
        }
        while found.digits().last() == Some(&b'0') {
            found.count -= 1;
        }
        found
    }

    /// As the JDK finds them, in numbers as wide as it takes.
    fn step_by_step(number: f64) -> Self {
        let bits = number.to_bits();
        let mut fraction = bits & ((1 << SHIFT) - 1);
        let mut exponent = (bits >> SHIFT & 0x7FF) as i32;
        if number == 0.0 {
            return Self::of_whole(0, 0);
        }
        let significant = if exponent == 0 {
            let leading = fraction.leading_zeros();
            let shift = leading - (63 - SHIFT);
            fraction <<= shift;
            exponent = 1 - shift as i32;
            64 - leading as i32
        } else {
            fraction |= 1 << SHIFT;
            SHIFT as i32 + 1
        };
        digits(exponent - 1023, fraction, significant)
    }

    /// The digits.
    pub(crate) fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or(&[])
    }

    /// Where the point is, counted from before the first digit.
    pub(crate) fn exponent(&self) -> i32 {
        self.exponent
    }

    fn empty() -> Self {
        Self {
            digits: [b'0'; 20],
            count: 0,
            exponent: 0,
        }
    }

    fn push(&mut self, digit: u8) {
        if let Some(place) = self.digits.get_mut(self.count) {
            *place = b'0' + digit;
            self.count += 1;
        }
    }

    /// One more in the last place. Nines become zeros, which stay.
    fn round_up(&mut self) {
        let digits = self.digits.get_mut(..self.count).unwrap_or(&mut []);
        for digit in digits.iter_mut().rev() {
            if *digit != b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        if let Some(first) = digits.first_mut() {
            *first = b'1';
            self.exponent += 1;
        }
    }

    /// The digits of a whole number without its trailing zeros.
    fn of_whole(mut number: u64, mut exponent: i32) -> Self {
        while number != 0 && number.is_multiple_of(10) {
            number /= 10;
            exponent += 1;
        }
        let mut whole = Self::empty();
        let text = number.to_string();
        text.bytes().for_each(|digit| whole.push(digit - b'0'));
        whole.exponent = exponent + text.len() as i32;
        whole
    }
}

/// `fraction · 2^(binary - 52)`.
fn digits(binary: i32, mut fraction: u64, significant: i32) -> DoubleDigits {
    let tail = fraction.trailing_zeros() as i32;
    let width = SHIFT as i32 + 1 - tail;
    let tiny = (width - binary - 1).max(0);
    if (-21..=62).contains(&binary) && tiny == 0 {
        return whole_digits(binary, fraction, significant);
    }
    let decimal = estimated_exponent(fraction, binary);
    let b5 = (-decimal).max(0);
    let s5 = decimal.max(0);
    let mut b2 = b5 + tiny + binary;
    let mut s2 = s5 + tiny;
    let mut m2 = b2 - significant;
    fraction >>= tail;
    b2 -= width - 1;
    let common = b2.min(s2);
    b2 -= common;
    s2 -= common;
    m2 -= common;
    if width == 1 {
        m2 -= 1;
    }
    if m2 < 0 {
        b2 -= m2;
        s2 -= m2;
        m2 = 0;
    }
    let powers = Powers {
        fraction,
        b: (b5, b2),
        s: (s5, s2),
        m: (b5, m2),
    };
    let b_bits = width + b2 + bits_of_power(b5);
    let ten_s_bits = s2 + 1 + bits_of_power(s5 + 1);
    if b_bits < 32 && ten_s_bits < 32 {
        let [b, s, m] = powers.small().map(|number| number as i32);
        generate(
            Narrow {
                b,
                s,
                m,
                tens: s.wrapping_mul(10),
            },
            decimal,
        )
    } else if b_bits < 64 && ten_s_bits < 64 {
        let [b, s, m] = powers.small();
        generate(
            Wide {
                b,
                s,
                m,
                tens: s.wrapping_mul(10),
            },
            decimal,
        )
    } else {
        generate(powers.big(), decimal)
    }
}

/// A number without fraction. Of one beyond 2^53 the digits that no DOUBLE tells apart are rounded.
fn whole_digits(binary: i32, fraction: u64, significant: i32) -> DoubleDigits {
    let beyond = binary - significant - 1;
    let insignificant = if binary > significant && beyond > 1 {
        (f64::from(beyond) * std::f64::consts::LOG10_2) as u32
    } else {
        0
    };
    let shift = binary - SHIFT as i32;
    let mut number = if shift >= 0 {
        fraction << shift
    } else {
        fraction >> -shift
    };
    if insignificant > 0 {
        let unit = 10_u64.pow(insignificant);
        number = number / unit + u64::from(number % unit >= unit / 2);
    }
    DoubleDigits::of_whole(number, insignificant as i32)
}

/// The decimal exponent, or one more. The constants are the JDK's, to the digit.
#[allow(clippy::approx_constant)]
fn estimated_exponent(fraction: u64, binary: i32) -> i32 {
    let mantissa = f64::from_bits((1023 << SHIFT) | (fraction & ((1 << SHIFT) - 1)));
    let estimate = (mantissa - 1.5) * 0.289_529_654
        + 0.176_091_259
        + f64::from(binary) * 0.301_029_995_663_981;
    estimate.floor() as i32
}

/// The bits of 5^power, beyond a table an upper bound.
fn bits_of_power(power: i32) -> i32 {
    const TABLE: i32 = 27;
    match power {
        0 => 0,
        1..TABLE => (f64::from(power) * 5_f64.log2()) as i32 + 1,
        _ => power * 3,
    }
}

/// What is left to write (`b`), its unit (`s`) and half of what tells two DOUBLEs apart (`m`), each
/// as powers of five and two.
struct Powers {
    fraction: u64,
    b: (i32, i32),
    s: (i32, i32),
    m: (i32, i32),
}

impl Powers {
    fn small(&self) -> [i64; 3] {
        let power = |(five, two): (i32, i32)| 5_i64.wrapping_pow(five as u32) << two;
        let b =
            (self.fraction as i64).wrapping_mul(5_i64.wrapping_pow(self.b.0 as u32)) << self.b.1;
        [b, power(self.s), power(self.m)]
    }

    fn big(&self) -> Large {
        let s = Big::new(1, self.s);
        Large {
            b: Big::new(self.fraction, self.b),
            m: Big::new(1, self.m),
            tens: s.times_ten(),
            s,
        }
    }
}

/// What the digits are taken from.
trait Remainder {
    /// The next digit; what is left is ten times the rest of it, and the bound too.
    fn next_digit(&mut self) -> u8;
    /// Whether what is left is so little, or so near to the next digit, that it may be left out.
    fn ends(&self) -> (bool, bool);
    /// What is left against half of the last digit's unit.
    fn against_half(&self) -> Ordering;
}

fn generate(mut rest: impl Remainder, decimal: i32) -> DoubleDigits {
    let mut found = DoubleDigits::empty();
    let mut decimal = decimal;
    let first = rest.next_digit();
    let (mut low, mut high) = rest.ends();
    if first == 0 && !high {
        decimal -= 1;
    } else {
        found.push(first);
    }
    // A text with an exponent has two digits at least.
    if !(-3..8).contains(&decimal) {
        (low, high) = (false, false);
    }
    while !low && !high {
        found.push(rest.next_digit());
        (low, high) = rest.ends();
    }
    found.exponent = decimal + 1;
    let is_odd = found.digits().last().is_some_and(|digit| digit & 1 != 0);
    let up = match (low, high) {
        (_, false) => false,
        (false, true) => true,
        (true, true) => match rest.against_half() {
            Ordering::Less => false,
            Ordering::Equal => is_odd,
            Ordering::Greater => true,
        },
    };
    if up {
        found.round_up();
    }
    found
}

/// In 32 bits.
struct Narrow {
    b: i32,
    s: i32,
    m: i32,
    tens: i32,
}

/// In 64 bits.
struct Wide {
    b: i64,
    s: i64,
    m: i64,
    tens: i64,
}

macro_rules! remainder {
    ($name:ident) => {
        impl Remainder for $name {
            fn next_digit(&mut self) -> u8 {
                let digit = self.b / self.s;
                self.b = (self.b % self.s).wrapping_mul(10);
                self.m = self.m.wrapping_mul(10);
                digit as u8
            }

            fn ends(&self) -> (bool, bool) {
                // A bound that overflows is larger than anything else.
                if self.m <= 0 {
                    return (true, true);
                }
                (self.b < self.m, self.b.wrapping_add(self.m) > self.tens)
            }

            fn against_half(&self) -> Ordering {
                self.b.wrapping_shl(1).wrapping_sub(self.tens).cmp(&0)
            }
        }
    };
}

remainder!(Narrow);
remainder!(Wide);

/// In as many bits as it takes.
struct Large {
    b: Big,
    s: Big,
    m: Big,
    tens: Big,
}

impl Remainder for Large {
    fn next_digit(&mut self) -> u8 {
        let mut digit = 0;
        while self.b.compare(&self.s) != Ordering::Less {
            self.b.subtract(&self.s);
            digit += 1;
        }
        self.b = self.b.times_ten();
        self.m = self.m.times_ten();
        digit
    }

    fn ends(&self) -> (bool, bool) {
        let low = self.b.compare(&self.m) == Ordering::Less;
        // Other than in fewer bits, what reaches the next digit exactly ends here.
        let high = self.b.plus(&self.m).compare(&self.tens) != Ordering::Less;
        (low, high)
    }

    fn against_half(&self) -> Ordering {
        self.b.plus(&self.b).compare(&self.tens)
    }
}

/// A whole number of any size: the lowest 32 bits first, no zeros at the end.
#[derive(Clone, Debug)]
struct Big(Vec<u32>);

impl Big {
    /// `number · 5^five · 2^two`
    fn new(number: u64, (five, two): (i32, i32)) -> Self {
        let (words, bits) = (two as usize / 32, two as u32 % 32);
        let mut big = Big(vec![number as u32, (number >> 32) as u32]);
        for _ in 0..five {
            big = big.times(5);
        }
        big = big.times(1 << bits);
        let mut shifted = vec![0; words];
        shifted.extend(big.0);
        Big(shifted).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn times(&self, factor: u32) -> Self {
        let mut carry = 0_u64;
        let mut product: Vec<u32> = Vec::with_capacity(self.0.len() + 1);
        for word in &self.0 {
            carry += u64::from(*word) * u64::from(factor);
            product.push(carry as u32);
            carry >>= 32;
        }
        product.push(carry as u32);
        Big(product).trimmed()
    }

    fn times_ten(&self) -> Self {
        self.times(10)
    }

    fn word(&self, place: usize) -> u64 {
        self.0.get(place).copied().map_or(0, u64::from)
    }

    fn plus(&self, other: &Self) -> Self {
        let longest = self.0.len().max(other.0.len());
        let mut carry = 0_u64;
        let mut sum = Vec::with_capacity(longest + 1);
        for place in 0..=longest {
            carry += self.word(place) + other.word(place);
            sum.push(carry as u32);
            carry >>= 32;
        }
        Big(sum).trimmed()
    }

    /// `other` is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0_u64;
        for place in 0..self.0.len() {
            let taken = other.word(place) + borrow;
            let own = self.word(place);
            borrow = u64::from(own < taken);
            if let Some(word) = self.0.get_mut(place) {
                *word = (own + (borrow << 32) - taken) as u32;
            }
        }
        let trimmed = Big(std::mem::take(&mut self.0)).trimmed();
        *self = trimmed;
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::double_text;

    #[test]
    fn the_shortest_digits_are_those_found_step_by_step() {
        let mut number = 1e-3_f64;
        while number < 1e7 {
            for number in [number, (number * 1e3).round() / 1e3, number.round()] {
                if DoubleDigits::are_shortest(number) {
                    let found = DoubleDigits::step_by_step(number);
                    assert_eq!(DoubleDigits::of(number), found, "{number}");
                }
            }
            number *= 1.000_73;
        }
    }

    /// What JDK 17 answered.
    #[test]
    fn doubles_have_the_digits_of_jdk_17() {
        for (bits, text) in [
            // The way of few bits, with and without an exponent.
            (0x3FC3_3333_3333_3333, "0.15"),
            (0x3FD8_E560_4189_374B, "0.38899999999999996"),
            (0x40C3_8800_0000_0000, "10000.0"),
            (0x3F50_624D_D2F1_A9FC, "0.001"),
            // Whole numbers beyond 2^53.
            (0x4370_0000_0000_0000, "7.2057594037927936E16"),
            (0x437F_96BA_DC84_EE7A, "1.42263257373009824E17"),
            (0x43CD_7B02_060C_AB87, "4.2485877484818959E18"),
            // More than 64 bits.
            (0x44BD_A56A_4B08_35C0, "1.4000000000000001E23"),
            (0x44B5_2D02_C7E1_4AF6, "9.999999999999999E22"),
            (0x3C10_0000_0000_0000, "2.1684043449710089E-19"),
            (0x7C50_0000_0000_0000, "6.2370009672959994E290"),
            (0x0D70_0000_0000_0000, "5.8581906792798084E-244"),
            // The ends.
            (0x0000_0000_0000_0001, "4.9E-324"),
            (0x0010_0000_0000_0000, "2.2250738585072014E-308"),
            (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157E308"),
        ] {
            let number = f64::from_bits(bits);
            assert_eq!(double_text(number), text);
            assert_eq!(text.parse(), Ok(number));
        }
    }
}
