#pragma once

namespace rivulet::functions {

// The regularised incomplete beta function: the cumulative distribution of Beta(a, b) at x.
double incomplete_beta(double x, double a, double b);
// The probability, two-sided, that a value of Student's distribution is beyond t.
double student_two_sided(double t, double degrees_of_freedom);

}  // namespace rivulet::functions
