// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leaves} from "../libraries/Leaves.sol";
import {Transitions} from "../libraries/Transitions.sol";

/// @title Scores: attribution rules, version 1, as far as a contract can check them. All integers.
/// @notice An index row is (uint32 contributor id, int8[d]); its leaf is keccak256(id, row), zero-filled to a power of two.
/// d is a multiple of 32, so no leaf has the 64 bytes of a node. A score is the dot product of the query and the row.
/// A record's entries are the MAX_ENTRIES rows with the highest positive scores (all positive ones where there are fewer).
library Scores {
    uint256 internal constant MAX_ENTRIES = 32;
    /// @notice An entry is (uint32 contributor id, uint32 row, uint32 score), ascending by id, then row.
    uint256 internal constant ENTRY = 12;
    /// @notice A record of t tokens shares out 64 * min(t, 1023) units of weight; a longer reply is several records.
    uint256 internal constant UNITS = 64;
    uint256 internal constant MAX_TOKENS = 1023;

    function dot(bytes calldata query, bytes calldata row) internal pure returns (int256 sum) {
        assembly ("memory-safe") {
            let end := add(query.offset, query.length)
            let delta := sub(row.offset, query.offset)
            for { let p := query.offset } lt(p, end) { p := add(p, 32) } {
                let a := calldataload(p)
                let b := calldataload(add(p, delta))
                for { let i := 0 } lt(i, 32) { i := add(i, 1) } {
                    sum := add(sum, mul(signextend(0, byte(i, a)), signextend(0, byte(i, b))))
                }
            }
        }
    }

    /// @notice Whether (contributor, row) is at `position` of the index; a row of no bytes stands for an unused position.
    function holds(bytes32 index, uint256 position, uint32 contributor, bytes calldata row, bytes32[] calldata path)
        internal
        pure
        returns (bool)
    {
        if (row.length % 32 != 0) return false;
        bytes32 h = row.length == 0 ? bytes32(0) : keccak256(abi.encodePacked(contributor, row));
        for (uint256 i; i < path.length; ++i) {
            h = (position >> i) & 1 == 0 ? Transitions.hash(h, path[i]) : Transitions.hash(path[i], h);
        }
        return h == index;
    }

    function units(uint256 tokens) internal pure returns (uint256) {
        return UNITS * (tokens < MAX_TOKENS ? tokens : MAX_TOKENS);
    }

    function entry(bytes calldata entries, uint256 i) internal pure returns (uint32 id, uint32 row, uint32 score) {
        uint256 word = uint96(bytes12(entries[i * ENTRY:i * ENTRY + ENTRY]));
        // Three fields of one word.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint32(word >> 64), uint32(word >> 32), uint32(word));
    }

    /// @notice Whether `list` is what the entries give: floor(units * scores of one contributor / (all scores + unattributed)),
    /// and id 0 the part of `unattributed`. False for entries out of order, too many of them, or with a score of 0.
    function weighs(bytes calldata entries, uint256 unattributed, uint256 tokens, bytes calldata list)
        internal
        pure
        returns (bool)
    {
        (bool ordered, uint256 whole) = _whole(entries);
        if (!ordered) return false;
        whole += unattributed;
        uint256 given = units(tokens);
        uint256 named = whole == 0 ? 0 : given * unattributed / whole;
        if (Leaves.weightAt(list, 1) != named) return false;
        for (uint256 i; i < entries.length / ENTRY;) {
            (uint32 id, uint256 sum, uint256 next) = _run(entries, i);
            uint256 weight = given * sum / whole;
            if (Leaves.weightAt(list, uint256(id) + 1) != weight) return false;
            named += weight;
            i = next;
        }
        // Nobody else is in the list.
        (, uint256 total) = Leaves.measure(list);
        return total == named;
    }

    /// @dev The sum of all scores, and whether the entries are well formed.
    function _whole(bytes calldata entries) private pure returns (bool, uint256 sum) {
        if (entries.length % ENTRY != 0 || entries.length > MAX_ENTRIES * ENTRY) return (false, 0);
        uint256 previous;
        for (uint256 i; i < entries.length / ENTRY; ++i) {
            (uint32 id, uint32 row, uint32 score) = entry(entries, i);
            uint256 order = (uint256(id) << 32) | row;
            if (id == 0 || score == 0 || (i != 0 && order <= previous)) return (false, 0);
            previous = order;
            sum += score;
        }
        return (true, sum);
    }

    /// @dev The contributor of entry `from`, the sum of its scores, and the first entry of somebody else.
    function _run(bytes calldata entries, uint256 from) private pure returns (uint32 id, uint256 sum, uint256 next) {
        (id,,) = entry(entries, from);
        for (next = from; next < entries.length / ENTRY; ++next) {
            (uint32 who,, uint32 score) = entry(entries, next);
            if (who != id) break;
            sum += score;
        }
    }
}
