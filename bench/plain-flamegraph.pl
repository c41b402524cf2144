#!/usr/bin/perl
# What people pipe the text of `perf script` through to get a picture: stacks counted by their names, then boxes. Written
# anew for the bench, plainly, line by line, because FlameGraph's scripts are not in Debian. It draws less than they do
# and is one process where they are two, so it costs no more than they would.
#
#   perf script -i perf.data | perl bench/plain-flamegraph.pl >flame.svg
use strict;
use warnings;

my (%count, @frames, $comm);

sub finish {
    $count{join ';', $comm, reverse @frames}++ if defined $comm;
    undef $comm;
    @frames = ();
}

while (my $line = <STDIN>) {
    chomp $line;
    next if $line =~ /^#/;
    if ($line =~ /^\s*$/) {
        finish();
    } elsif ($line =~ /^(\S.*?)\s+\d+(?:\/\d+)?\s+/) {
        ($comm = $1) =~ tr/ /_/;
    } elsif ($line =~ /^\s*[0-9a-f]+ (.*) \(([^()]*(?: \(deleted\))?)\)$/) {
        my ($name, $module) = ($1, $2);
        $name =~ s/\+0x[0-9a-f]+$//;
        if ($name eq '[unknown]' && $module ne '[unknown]') {
            ($name = $module) =~ s/.*\///;
            $name = "[$name]";
        }
        $name =~ tr/;/:/;
        $name =~ s/\(.*// unless $name =~ /\.\(.*\)\./ || $name =~ /\(anonymous namespace\)/;
        push @frames, $name;
    }
}
finish();

# Boxes [start, end, depth, name]: in the order of the names, stacks with common callers are neighbours.
my (@boxes, @open, $at);
$at = 0;
my $deepest = 0;

sub close_to {
    my ($depth) = @_;
    while (@open > $depth) {
        my ($name, $from) = @{pop @open};
        push @boxes, [$from, $at, scalar @open, $name];
    }
}

for my $stack (sort keys %count) {
    my @names = ('all', split /;/, $stack);
    my $common = 0;
    $common++ while $common < @open && $common < @names && $open[$common][0] eq $names[$common];
    close_to($common);
    push @open, [$names[$_], $at] for $common .. $#names;
    $deepest = @names if @names > $deepest;
    $at += $count{$stack};
}
close_to(0);

my $scale = $at ? 1180 / $at : 0;
my $height = ($deepest + 4) * 16;
print qq(<?xml version="1.0"?>\n<svg width="1200" height="$height" xmlns="http://www.w3.org/2000/svg">\n);
for my $box (@boxes) {
    my ($from, $to, $depth, $name) = @$box;
    my $width = ($to - $from) * $scale;
    next if $width < 0.1;
    for ($name) { s/&/&amp;/g; s/</&lt;/g; s/>/&gt;/g }
    my $hash = 0;
    $hash = ($hash * 31 + ord) % 255 for split //, $name;
    my $share = sprintf '%.2f', 100 * ($to - $from) / $at;
    my $title = "$name (" . ($to - $from) . " samples, $share%)";
    my $place = sprintf 'x="%.1f" y="%d" width="%.1f" height="15"', 10 + $from * $scale, $height - ($depth + 2) * 16, $width;
    print qq(<g><title>$title</title><rect $place fill="rgb(230,$hash,50)"/>);
    my $room = int($width / 7);
    printf '<text x="%.1f" y="%d">%s</text>', 13 + $from * $scale, $height - ($depth + 1) * 16 - 5, substr($name, 0, $room) if $room > 2;
    print "</g>\n";
}
print "</svg>\n";
