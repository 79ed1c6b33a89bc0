// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leaves} from "../src/libraries/Leaves.sol";
import {Steps} from "./support/Steps.sol";
import {bound, vm} from "./support/Test.sol";

/// @dev B3: every string of whole steps has exactly one meaning. All readers of it are compared with one plain loop.
contract LeavesTest {
    function measure(bytes calldata leaves) external pure returns (uint256, uint256) {
        return Leaves.measure(leaves);
    }

    function weightAt(bytes calldata leaves, uint256 position) external pure returns (uint256) {
        return Leaves.weightAt(leaves, position);
    }

    function paid(bytes calldata leaves, uint256 pot, uint256 ceiling, uint256 total) external pure returns (uint256) {
        return Leaves.paid(leaves, pot, ceiling, total);
    }

    function list(bytes calldata leaves) external pure returns (uint256[] memory, uint256[] memory) {
        return Leaves.list(leaves);
    }

    /// @dev Cuts random bytes to whole steps, and thins out the advances so that zeros are common.
    function shape(bytes memory raw) internal pure returns (bytes memory leaves) {
        uint256 length = raw.length - raw.length % 3;
        leaves = new bytes(length);
        for (uint256 i; i < length; ++i) {
            leaves[i] = i % 3 == 0 && uint8(raw[i]) % 4 == 0 ? bytes1(0) : raw[i];
        }
    }

    struct Plain {
        uint256 cursor;
        uint256 total;
        uint256 n;
        uint256[] positions;
        uint256[] weights;
    }

    function plain(bytes memory leaves) internal pure returns (Plain memory r) {
        r.positions = new uint256[](leaves.length / 3);
        r.weights = new uint256[](leaves.length / 3);
        for (uint256 i; i < leaves.length; i += 3) {
            uint256 value = uint256(uint8(leaves[i + 1])) * 256 + uint8(leaves[i + 2]);
            if (leaves[i] == 0) {
                r.cursor += value * 256;
            } else {
                r.cursor += uint8(leaves[i]);
                r.total += value;
                (r.positions[r.n], r.weights[r.n]) = (r.cursor, value);
                ++r.n;
            }
        }
    }

    function testFuzz_B3_leaves_have_one_meaning(bytes memory raw, uint256 probe) external view {
        bytes memory leaves = shape(raw);
        Plain memory r = plain(leaves);
        (uint256 last, uint256 sum) = this.measure(leaves);
        vm.assertEq(last, r.cursor, "cursor");
        vm.assertEq(sum, r.total, "total");
        (uint256[] memory p, uint256[] memory w) = this.list(leaves);
        vm.assertEq(p.length, r.n, "count");
        for (uint256 i; i < r.n; ++i) {
            vm.assertEq(p[i], r.positions[i], "position");
            vm.assertEq(w[i], r.weights[i], "weight");
        }
        if (r.n != 0) {
            probe = bound(probe, 0, r.n - 1);
            vm.assertEq(this.weightAt(leaves, r.positions[probe]), r.weights[probe], "at");
        }
        vm.assertEq(this.weightAt(leaves, r.cursor + 1), 0, "beyond");
    }

    function testFuzz_paid_is_the_sum_of_the_shares(bytes memory raw, uint96 pot, uint96 ceiling) external view {
        bytes memory leaves = shape(raw);
        Plain memory r = plain(leaves);
        if (r.total == 0) return;
        uint256 all;
        for (uint256 i; i < r.n; ++i) {
            if (r.positions[i] == 1) continue;
            uint256 share = uint256(pot) * r.weights[i] / r.total;
            all += share < ceiling ? share : ceiling;
        }
        vm.assertEq(this.paid(leaves, pot, ceiling, r.total), all);
    }

    function testFuzz_steps_read_back_what_was_packed(uint32[] memory gaps, uint16[] memory weights) external view {
        uint256 n = gaps.length < weights.length ? gaps.length : weights.length;
        if (n > 40) n = 40;
        uint32[] memory ids = new uint32[](n);
        uint16[] memory w = new uint16[](n);
        uint256 id;
        for (uint256 i; i < n; ++i) {
            id += (i == 0 ? 0 : 1) + gaps[i] % (i % 5 == 0 ? 1_000_000 : i % 5 == 1 ? 1 : 300) + (i % 5 == 1 ? 255 : 0);
            (ids[i], w[i]) = (uint32(id), weights[i]);
        }
        bytes memory leaves = Steps.pack(ids, w);
        for (uint256 i; i < n; ++i) vm.assertEq(this.weightAt(leaves, uint256(ids[i]) + 1), w[i]);
        (, uint256[] memory got) = this.list(leaves);
        uint256 total;
        for (uint256 i; i < got.length; ++i) total += got[i];
        for (uint256 i; i < n; ++i) total -= w[i];
        vm.assertEq(total, 0);
    }
}
