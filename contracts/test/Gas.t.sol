// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Step} from "../src/core/Checkpoints.sol";
import {Steps} from "./support/Steps.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Test.sol";

/// @notice Gas of single calls, kept in contracts/snapshots and compared on every run. Execution only: bench/settle.bench.ts
/// measures whole transactions.
contract GasTest is World {
    using TreeKit for Tree;

    function setUp() external {
        populate();
        settle(adapter, 0, 1 ether, Steps.two(1, 100, 3, 900));
    }

    function leavesOfMany(uint256 count) internal returns (bytes memory) {
        (uint32[] memory ids, uint16[] memory weights) = (new uint32[](count), new uint16[](count));
        while (settlement.people() < count) settlement.register(person(settlement.people() + 1));
        for (uint32 i; i < count; ++i) (ids[i], weights[i]) = (i + 1, uint16(300 + i));
        return Steps.pack(ids, weights);
    }

    function test_gas_of_settling() external {
        bytes memory ten = leavesOfMany(10);
        bytes memory hundred = leavesOfMany(100);
        vm.startPrank(PAYER);
        settlement.settle(adapter, 0, 1 ether, 1, "t", "");
        vm.snapshotGasLastCall("settlement", "settle private");
        settlement.settle(adapter, 0, 1 ether, 2, "t", ten);
        vm.snapshotGasLastCall("settlement", "settle 10");
        settlement.settle(adapter, 0, 1 ether, 3, "t", hundred);
        vm.snapshotGasLastCall("settlement", "settle 100");
    }

    function test_gas_of_rewards() external {
        (bytes32[] memory roots,) = rootsOf(honest, 0, 1, 0);
        post(0, 0, roots);
        vm.snapshotGasLastCall("settlement", "post 1 root");
        vm.warp(block.timestamp + 3 days);
        settlement.finalise(1);
        vm.snapshotGasLastCall("settlement", "finalise");
        (, honest) = rootsOf(honest, 0, 1, 0);
        uint128 value = honest.get(1);
        bytes memory proof = honest.proof(1);
        vm.deal(person(1), 1);
        settlement.claim(1, value, proof);
        vm.snapshotGasLastCall("settlement", "claim first");
    }

    function test_gas_of_refuting() external {
        Tree memory start = honest;
        Tree memory wrong = start.copy();
        advance(wrong, 1, 0);
        wrong.add(1, 1);
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = wrong.root();
        Step memory step = stepOf(post(0, 0, roots), 1, bytes32(0), roots[0]);
        bytes memory before = start.proof(1);
        bytes memory later = wrong.proof(1);
        uint128 value = wrong.get(1);
        settlement.refute(step, 1, 0, before, value, later, "");
        vm.snapshotGasLastCall("settlement", "refute");
    }
}
