package strictjson

import (
	"math/big"
	"strconv"
	"strings"
)

// maxDigits is the number of decimal digits of the greatest double.
const maxDigits = 309

// leastPower is a power of ten that no number of digits in a document lifts up
// to an integer.
const leastPower = -1 << 30

// exact reports whether a JSON number survives as a double: it is finite, and
// the very same number if it is an integer. Fractions are rounded as everywhere.
func exact(literal string) bool {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return false
	}
	digits, exponent := decimal(literal)
	// At most 15 digits are exact in every double, and a fraction need not be.
	if exponent < 0 || len(digits)+exponent <= 15 {
		return true
	}
	if len(digits)+exponent > maxDigits {
		return false
	}
	n, ok := new(big.Int).SetString(digits+strings.Repeat("0", exponent), 10)
	if !ok {
		return false
	}
	got, accuracy := new(big.Float).SetFloat64(f).Int(nil)
	return accuracy == big.Exact && got.CmpAbs(n) == 0
}

// decimal returns the significant digits of a JSON number, none for zero, and
// the power of ten that they are multiplied with. The number must be a finite
// double, which bounds the exponent.
func decimal(literal string) (digits string, exponent int) {
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(literal, "-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "", 0
	}
	trimmed := strings.TrimRight(digits, "0")
	// Out of the range of int, Atoi gives its end: the number is next to zero.
	p, _ := strconv.Atoi(power)
	return trimmed, max(p, leastPower) - len(fraction) + len(digits) - len(trimmed)
}
