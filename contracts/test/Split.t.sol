// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Keys} from "../src/libraries/Keys.sol";
import {Split} from "../src/libraries/Split.sol";
import {Params, Source} from "../src/Types.sol";
import {Steps} from "./support/Steps.sol";
import {SplitProbe, World} from "./support/World.sol";
import {bound, vm} from "./support/Test.sol";

contract SplitTest is World {
    function setUp() external {
        probe = new SplitProbe();
        populate();
    }

    struct Case {
        Split.Facts facts;
        uint32[] ids;
        uint16[] weights;
        bytes leaves;
    }

    /// @dev A random case within the rules' bounds; host and poster often stand in the leaves themselves.
    function someCase(uint256 seed, uint96 amount, uint16[] memory weights) internal pure returns (Case memory c) {
        Params memory r = defaults();
        r.contributors = uint16(bound(uint256(keccak256(abi.encode(seed, 1))), 3_000, 6_000));
        r.staticShare = uint16(bound(uint256(keccak256(abi.encode(seed, 2))), 1_000, 9_000));
        r.cap = uint16(bound(uint256(keccak256(abi.encode(seed, 3))), 50, 10_000));
        r.stakers = uint16(bound(uint256(keccak256(abi.encode(seed, 4))), 0, 480));
        c.facts.rules = r;
        c.facts.model = 2;
        c.facts.base = seed % 3 == 0 ? 0 : 1;
        c.facts.amount = bound(amount, 1, type(uint96).max);
        c.facts.host = uint32(seed >> 8) % 12;
        c.facts.poster = uint32(seed >> 40) % 12;
        c.facts.sources = new Source[](seed % 4);
        uint256 left = 10_000;
        for (uint256 i; i < c.facts.sources.length; ++i) {
            uint256 share = i + 1 == c.facts.sources.length ? left : 1 + left / 3;
            left -= share;
            c.facts.sources[i] = Source(uint32(i * 3 + 1), 1, uint16(share));
        }
        uint256 n = weights.length > 10 ? 10 : weights.length;
        (c.ids, c.weights) = (new uint32[](n), new uint16[](n));
        for (uint256 i; i < n; ++i) {
            c.ids[i] = uint32(i + (seed >> 80) % 2);
            c.weights[i] = weights[i];
        }
        c.leaves = Steps.pack(c.ids, c.weights);
    }

    function sum(uint256[] memory values) internal pure returns (uint256 total) {
        for (uint256 i; i < values.length; ++i) total += values[i];
    }

    function testFuzz_P1_the_parts_of_a_batch_add_up_to_its_amount(uint256 seed, uint96 amount, uint16[] memory weights)
        external
        view
    {
        Case memory c = someCase(seed, amount, weights);
        (uint32[] memory keys, uint256[] memory rewards) = probe.all(c.facts, c.leaves);
        vm.assertEq(sum(rewards), c.facts.amount);
        for (uint256 i = 1; i < keys.length; ++i) vm.assertLt(keys[i - 1], keys[i]);
    }

    function testFuzz_one_key_earns_what_the_whole_list_says(uint256 seed, uint96 amount, uint16[] memory weights)
        external
        view
    {
        Case memory c = someCase(seed, amount, weights);
        (uint32[] memory keys, uint256[] memory rewards) = probe.all(c.facts, c.leaves);
        uint256 total;
        for (uint256 i; i < keys.length; ++i) {
            vm.assertEq(probe.earned(keys[i], c.facts, c.leaves), rewards[i]);
            total += rewards[i];
        }
        vm.assertEq(total, c.facts.amount);
        vm.assertEq(probe.earned(28, c.facts, c.leaves), 0);
        vm.assertEq(probe.earned(0, c.facts, c.leaves), 0);
        vm.assertEq(probe.earned(Keys.MODEL | 9, c.facts, c.leaves), 0);
        vm.assertEq(probe.earned(Keys.DATANET | 2, c.facts, c.leaves), 0);
        vm.assertEq(probe.earned(Keys.MODEL_POOL | 9, c.facts, c.leaves), 0);
        vm.assertEq(probe.earned(Keys.HOST_POOL | 99, c.facts, c.leaves), 0);
        vm.assertEq(probe.earned(7 << 29, c.facts, c.leaves), 0);
    }

    /// @dev Everything but the people named in leaves and the Datanets; the treasury up to a wei for each Datanet.
    function testFuzz_P2_weights_move_nothing_but_the_weighted_part(uint256 seed, uint96 amount, uint16[] memory weights)
        external
        view
    {
        Case memory c = someCase(seed, amount, weights);
        uint32[5] memory keys = [
            Keys.MODEL | 1,
            Keys.MODEL_POOL | 2,
            Keys.HOST_POOL | c.facts.host,
            Keys.AUDITORS,
            Keys.MODEL | 2
        ];
        for (uint256 i; i < 5; ++i) {
            if (i == 4 && c.facts.sources.length == 0) continue; // the owner then takes the static part
            vm.assertEq(probe.earned(keys[i], c.facts, c.leaves), probe.earned(keys[i], c.facts, ""));
        }
        uint256 with_ = probe.earned(Keys.TREASURY, c.facts, c.leaves);
        uint256 without = probe.earned(Keys.TREASURY, c.facts, "");
        vm.assertLe(with_ > without ? with_ - without : without - with_, c.facts.sources.length);
    }

    function testFuzz_P3_no_weight_earns_more_than_the_cap(uint256 seed, uint96 amount, uint16[] memory weights) external view {
        Case memory c = someCase(seed, amount, weights);
        Split.Parts memory p = probe.parts(c.facts, c.leaves);
        for (uint32 id = 1; id < 14; ++id) {
            uint256 earned = probe.earned(id, c.facts, c.leaves);
            if (id == c.facts.host) earned -= p.host;
            if (id == c.facts.poster) earned -= p.poster;
            vm.assertLe(earned, p.pool * (10_000 - c.facts.rules.staticShare) / 10_000 * c.facts.rules.cap / 10_000);
        }
    }

    function testFuzz_P4_the_unattributed_and_the_capped_go_by_static_units(uint96 amount, uint16 weight, uint16 rest)
        external
        view
    {
        vm.assume(weight != 0);
        Split.Facts memory f = someCase(1, amount, new uint16[](0)).facts;
        (f.host, f.poster) = (0, 0);
        f.sources = new Source[](1);
        f.sources[0] = Source(1, 1, 10_000);
        bytes memory leaves = Steps.two(0, rest, 4, weight);
        Split.Parts memory p = probe.parts(f, leaves);
        uint256 paid = probe.earned(4, f, leaves);
        vm.assertEq(probe.earned(Keys.DATANET | 1, f, leaves), p.pool - paid);
        uint256 share = p.weighted * weight / (uint256(weight) + rest);
        vm.assertEq(paid, share < p.ceiling ? share : p.ceiling);
    }

    function test_a_batch_of_one_wei_pays_the_treasury() external view {
        Split.Facts memory f = someCase(1, 1, new uint16[](0)).facts;
        f.amount = 1;
        vm.assertEq(probe.earned(Keys.TREASURY, f, ""), 1);
        vm.assertEq(probe.earned(Keys.TREASURY, f, Steps.one(3, 1)), 1);
    }
}
