# SPDX-License-Identifier: MIT
# Perl: hashes, strings that grow, regular expressions, sorting, fork.
. "$SCRIPTS/common.sh"
need perl
COUNT=$(pick 40000 400000) perl - <<'EOF'
use strict;
use Digest::SHA qw(sha256_hex);
my $count = $ENV{COUNT};
my (%table, @rows);
for my $i (0 .. $count - 1) {
	my $key = sprintf("%06d", $i * 7919 % $count);
	$table{$key} = { number => $i, list => [1 .. $i % 9], text => "ab" x ($i % 50) };
	push @rows, "$key:" . join(",", @{ $table{$key}{list} });
}
print sha256_hex(join("\n", sort { $b cmp $a } @rows)), "\n";
my $text = "";
$text .= "word$_ " for 0 .. $count;
my $found = () = $text =~ /\bword\d*7(?=\d)/g;
(my $changed = $text) =~ s/(\d+)/<$1>/g;
print "$found ", length($changed), " ", sha256_hex($changed), "\n";
delete $table{$_} for grep { /3/ } keys %table;
print scalar(keys %table), "\n";
my $child = fork();
if ($child == 0) { undef %table; exit 7 }
waitpid($child, 0);
print $? >> 8, "\n";
EOF
