// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Leaves: the weights of a batch, packed for calldata.
/// @notice A run of three-byte steps (uint8 advance, uint16 value) over positions, where position = contributor id + 1
/// and position 1 (id 0) carries the unattributed weight. The cursor starts at 0.
/// advance > 0: the cursor moves by it and the position there weighs `value`.
/// advance = 0: the cursor moves by 256 * value and nothing is weighed.
/// So every position is weighed at most once, and every string of whole steps has exactly one meaning.
library Leaves {
    uint256 internal constant STEP = 3;

    /// @dev Ten steps fill 30 bytes of a word: ten lanes of 24 bits. ONES has a 1 in each lane, the masks are multiples of it.
    uint256 private constant ONES = 0x000001000001000001000001000001000001000001000001000001000001;
    uint256 private constant ADVANCES = 0x0000ff0000ff0000ff0000ff0000ff0000ff0000ff0000ff0000ff0000ff;
    uint256 private constant VALUES = 0x00ffff00ffff00ffff00ffff00ffff00ffff00ffff00ffff00ffff00ffff;
    uint256 private constant CARRIES = 0x000100000100000100000100000100000100000100000100000100000100;

    /// @notice One pass over all steps, ten at a time.
    /// @return cursor the last position reached, the highest one named; @return total the sum of all weights.
    /// @dev Lane sums stay below 2^24 (10 * 65,535), so one multiplication by ONES adds ten lanes into the top one.
    /// A word that holds a step with advance 0 is read step by step.
    function measure(bytes calldata leaves) internal pure returns (uint256 cursor, uint256 total) {
        assembly ("memory-safe") {
            // Reads one word's steps singly.
            function slow(x, bits) -> moved, weighed {
                for {} bits {} {
                    bits := sub(bits, 24)
                    let step := shr(bits, x)
                    let advance := and(shr(16, step), 0xff)
                    switch advance
                    case 0 { moved := add(moved, shl(8, and(step, 0xffff))) }
                    default {
                        moved := add(moved, advance)
                        weighed := add(weighed, and(step, 0xffff))
                    }
                }
            }
            let end := add(leaves.offset, leaves.length)
            for { let p := leaves.offset } lt(p, end) { p := add(p, 30) } {
                let bits := 240
                if lt(sub(end, p), 30) { bits := mul(8, sub(end, p)) }
                let x := shr(sub(256, bits), calldataload(p))
                let here := sub(shl(bits, 1), 1)
                let a := and(shr(16, x), ADVANCES)
                // advance + 255 carries into bit 8 exactly when the advance is not 0.
                switch eq(and(add(a, and(ADVANCES, here)), CARRIES), and(CARRIES, here))
                case 1 {
                    cursor := add(cursor, and(shr(216, mul(a, ONES)), 0xffffff))
                    total := add(total, and(shr(216, mul(and(x, VALUES), ONES)), 0xffffff))
                }
                default {
                    let moved, weighed := slow(x, bits)
                    cursor := add(cursor, moved)
                    total := add(total, weighed)
                }
            }
        }
    }

    /// @notice The weight of one position, 0 where it is not named.
    /// @dev Ten steps that end before the position are passed over at once, as in `measure`.
    function weightAt(bytes calldata leaves, uint256 position) internal pure returns (uint256 weight) {
        assembly ("memory-safe") {
            let end := add(leaves.offset, leaves.length)
            let cursor := 0
            for { let p := leaves.offset } and(lt(p, end), lt(cursor, position)) {} {
                let word := calldataload(p)
                let a := and(shr(32, word), ADVANCES)
                let moved := and(shr(216, mul(a, ONES)), 0xffffff)
                switch and(
                    and(lt(add(cursor, moved), position), iszero(gt(add(p, 30), end))),
                    eq(and(add(a, ADVANCES), CARRIES), CARRIES)
                )
                case 1 {
                    cursor := add(cursor, moved)
                    p := add(p, 30)
                }
                default {
                    let step := shr(232, word)
                    let advance := shr(16, step)
                    switch advance
                    case 0 { cursor := add(cursor, shl(8, step)) }
                    default {
                        cursor := add(cursor, advance)
                        if eq(cursor, position) { weight := and(step, 0xffff) }
                    }
                    p := add(p, 3)
                }
            }
        }
    }

    /// @notice What all named contributors are paid together: the sum of min(pot * weight / total, ceiling), rounded down each.
    /// @dev pot < 2^96 and weight < 2^16, so the product cannot overflow. `total` must not be 0.
    function paid(bytes calldata leaves, uint256 pot, uint256 ceiling, uint256 total) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let end := add(leaves.offset, leaves.length)
            let cursor := 0
            for { let p := leaves.offset } lt(p, end) { p := add(p, 3) } {
                let step := shr(232, calldataload(p))
                let advance := shr(16, step)
                switch advance
                case 0 { cursor := add(cursor, shl(8, step)) }
                default {
                    cursor := add(cursor, advance)
                    let share := div(mul(pot, and(step, 0xffff)), total)
                    if gt(share, ceiling) { share := ceiling }
                    sum := add(sum, mul(share, gt(cursor, 1)))
                }
            }
        }
    }

    /// @notice Every named position with its weight, in ascending order, zero weights included.
    function list(bytes calldata leaves) internal pure returns (uint256[] memory positions, uint256[] memory weights) {
        uint256 steps = leaves.length / STEP;
        positions = new uint256[](steps);
        weights = new uint256[](steps);
        uint256 cursor;
        uint256 n;
        for (uint256 i; i < steps; ++i) {
            uint256 step = uint256(uint24(bytes3(leaves[i * STEP:i * STEP + STEP])));
            uint256 advance = step >> 16;
            if (advance == 0) {
                cursor += step << 8;
            } else {
                cursor += advance;
                positions[n] = cursor;
                weights[n++] = step & 0xffff;
            }
        }
        assembly ("memory-safe") {
            mstore(positions, n)
            mstore(weights, n)
        }
    }
}
