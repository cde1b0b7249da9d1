# SPDX-License-Identifier: MIT
# Z3: bit vectors, arrays and nonlinear integers; satisfiable with a model, and not.
. "$SCRIPTS/common.sh"
need z3 awk
z3 -smt2 -in <<'EOF'
(set-option :produce-models true)
(declare-const x (_ BitVec 32))
(declare-const y (_ BitVec 32))
(assert (= (bvmul x y) #x075bcd15))
(assert (bvugt x #x00000001))
(assert (bvult x #x00010000))
(assert (bvult y #x00010000))
(check-sat)
(get-model)
EOF
bits=$(pick 7 9)
z3 -smt2 -in <<EOF
(declare-const a (_ BitVec $bits))
(declare-const b (_ BitVec $bits))
(declare-const c (_ BitVec $bits))
(assert (not (= (bvmul a (bvadd b c)) (bvadd (bvmul a b) (bvmul a c)))))
(check-sat)
EOF
awk -v n="$(pick 8 10)" 'BEGIN {
	print "(set-logic QF_LIA)"
	for (i = 0; i < n; i++) for (j = 0; j < n; j++) printf "(declare-const q%d_%d Bool)\n", i, j
	for (i = 0; i < n; i++) {
		printf "(assert (or"; for (j = 0; j < n; j++) printf " q%d_%d", i, j; print "))"
		for (j = 0; j < n; j++) for (k = 0; k < n; k++) for (l = 0; l < n; l++)
			if ((k > i || k == i && l > j) && (k == i || l == j || k - i == l - j || k - i == j - l))
				printf "(assert (not (and q%d_%d q%d_%d)))\n", i, j, k, l
	}
	print "(check-sat)\n(get-model)"
}' >queens.smt2
z3 -smt2 queens.smt2
