// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Scores} from "../src/audit/Scores.sol";
import {vm} from "./support/Test.sol";

/// @dev The list that a record settles by, against cases that a third implementation computed (about: in the file itself). The app's
/// own arithmetic (workers/attribution/receipts/shares.ts) is held against the same file.
contract ScoresTest {
    string private constant VECTORS = "workers/attribution/receipts/shares.vectors.json";

    bytes[] private entries;
    uint256[] private unattributed;
    uint256[] private tokens;
    bytes[] private lists;

    constructor() {
        string memory file = vm.readFile(VECTORS);
        entries = vm.parseJsonBytesArray(file, ".entries");
        unattributed = vm.parseJsonUintArray(file, ".unattributed");
        tokens = vm.parseJsonUintArray(file, ".tokens");
        lists = vm.parseJsonBytesArray(file, ".list");
    }

    function weighs(bytes calldata e, uint256 u, uint256 t, bytes calldata list) external pure returns (bool) {
        return Scores.weighs(e, u, t, list);
    }

    function test_lists_are_those_of_the_attribution_rules() external view {
        vm.assertGe(lists.length, 40);
        vm.assertEq(entries.length, lists.length);
        vm.assertEq(unattributed.length, lists.length);
        vm.assertEq(tokens.length, lists.length);
        for (uint256 i; i < lists.length; ++i) {
            vm.assertTrue(this.weighs(entries[i], unattributed[i], tokens[i], lists[i]));
        }
    }

    /// @dev One weight of each list a unit higher or lower, and the last one left out.
    function test_no_other_list_is_accepted() external view {
        for (uint256 i; i < lists.length; ++i) {
            bytes memory list = lists[i];
            for (uint256 at; at < list.length; at += 3) {
                // A step without advance moves on; it carries no weight.
                if (list[at] == 0) continue;
                bytes1 low = list[at + 2];
                list[at + 2] = bytes1(uint8(low) ^ 1);
                vm.assertFalse(this.weighs(entries[i], unattributed[i], tokens[i], list));
                list[at + 2] = low;
            }
            if (list.length == 0) continue;
            assembly ("memory-safe") {
                mstore(list, sub(mload(list), 3))
            }
            vm.assertFalse(this.weighs(entries[i], unattributed[i], tokens[i], list));
        }
    }
}
