// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Staking} from "../src/Staking.sol";
import {World} from "./support/World.sol";
import {bound, vm} from "./support/Test.sol";

contract StakingTest is World {
    uint32 pool;

    function setUp() external {
        populate();
        pool = Keys.MODEL_POOL | adapter;
        for (uint32 i = 1; i <= 3; ++i) fund(person(i), 1_000 ether);
    }

    function stake(uint32 who, uint128 amount) internal {
        vm.prank(person(who));
        staking.stake(pool, amount);
    }

    function income(uint256 amount) internal {
        vm.deal(address(this), amount);
        settlement.depositFor{value: amount}(address(staking));
        vm.prank(address(settlement));
        staking.onIncome(pool, amount);
    }

    function test_stakers_share_the_income_by_their_stakes() external {
        stake(1, 100 ether);
        income(8 ether);
        stake(2, 300 ether);
        income(4 ether);
        // Fractions wait, so each may miss a wei.
        vm.assertGe(staking.collect(pool, person(1)), 9 ether - 1);
        vm.assertGe(staking.collect(pool, person(2)), 3 ether - 1);
        vm.assertEq(staking.collect(pool, person(2)), 0);
        vm.assertEq(staking.valueOf(pool, person(2)), 300 ether);
    }

    function test_only_pools_can_be_staked_on() external {
        uint32[4] memory wrong = [uint32(1), Keys.MODEL | 1, Keys.AUDITORS | 1, Keys.TREASURY];
        for (uint256 i; i < 4; ++i) {
            vm.prank(person(1));
            vm.expectRevert(Errors.NotAllowed.selector);
            staking.stake(wrong[i], 1);
        }
        vm.prank(person(1));
        vm.expectRevert(Errors.ZeroAmount.selector);
        staking.stake(pool, 0);
    }

    function test_T2_unbonding_outlasts_every_audit() external {
        stake(1, 100 ether);
        vm.startPrank(person(1));
        vm.expectRevert(Errors.NothingHere.selector);
        staking.unstake(pool);
        vm.expectRevert(Errors.StakeTooSmall.selector);
        staking.unbond(pool, 101 ether);
        vm.expectRevert(Errors.StakeTooSmall.selector);
        staking.unbond(pool, 0);
        staking.unbond(pool, 40 ether);
        vm.assertEq(staking.valueOf(pool, person(1)), 60 ether);
        vm.warp(block.timestamp + 21 days - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.StillUnbonding.selector, block.timestamp + 1));
        staking.unstake(pool);
        vm.warp(block.timestamp + 1);
        vm.assertEq(staking.unstake(pool), 40 ether);
        vm.assertGt(staking.UNBONDING(), 2 * settlement.AUDIT_EPOCH());
    }

    function test_T3_stakes_fall_only_by_the_audit_contract_and_by_half_at_most() external {
        stake(1, 100 ether);
        stake(2, 100 ether);
        vm.prank(person(2));
        staking.unbond(pool, 100 ether);
        vm.expectRevert(Errors.NotAllowed.selector);
        staking.slashPool(pool, 1, WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        staking.slashStake(pool, person(1), 1, WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        staking.onIncome(pool, 1);
        vm.startPrank(address(audit));
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, bytes32("slash")));
        staking.slashPool(pool, 5_001, WATCHER);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, bytes32("slash")));
        staking.slashStake(pool, person(1), 5_001, WATCHER);
        vm.assertEq(staking.slashPool(pool, 5_000, WATCHER), 100 ether);
        vm.assertEq(staking.slashStake(pool, person(2), 5_000, WATCHER), 25 ether);
        vm.stopPrank();
        vm.assertEq(settlement.balanceOf(WATCHER), 62.5 ether);
        vm.assertEq(staking.valueOf(pool, person(1)), 50 ether);
        // What unbonds is slashed too.
        vm.warp(block.timestamp + 21 days);
        vm.prank(person(2));
        vm.assertEq(staking.unstake(pool), 25 ether);
        // An empty pool is slashed by nothing.
        vm.prank(address(audit));
        vm.assertEq(staking.slashPool(Keys.HOST_POOL | 1, 5_000, WATCHER), 0);
    }

    function test_income_without_stakers_waits_for_the_first() external {
        income(5 ether);
        stake(1, 1 ether);
        vm.assertEq(staking.collect(pool, person(1)), 5 ether);
    }

    /// @dev T1: the contract holds what it owes: assets, and income not collected.
    function testFuzz_T1_stakes_and_income_are_all_there(uint256 seed) external {
        uint256 came;
        uint256 collected;
        for (uint256 i; i < 16; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint32 who = uint32(bound(seed >> 8, 1, 3));
            uint256 amount = bound(seed >> 16, 1e9, 20 ether);
            Staking.Stake memory s = staking.stakeOf(pool, person(who));
            if (seed % 6 <= 1) {
                stake(who, uint128(amount));
            } else if (seed % 6 == 2) {
                income(amount);
                came += amount;
            } else if (seed % 6 == 3) {
                collected += staking.collect(pool, person(who));
            } else if (seed % 6 == 4 && s.shares > s.leaving) {
                vm.prank(person(who));
                staking.unbond(pool, uint128(bound(amount, 1, s.shares - s.leaving)));
            } else if (s.leaving != 0) {
                vm.warp(block.timestamp + 21 days);
                vm.prank(person(who));
                staking.unstake(pool);
            } else {
                vm.prank(address(audit));
                staking.slashPool(pool, seed % 5_001, WATCHER);
            }
        }
        vm.assertEq(settlement.balanceOf(address(staking)), staking.pool(pool).assets + came - collected);
        for (uint32 who = 1; who <= 3; ++who) collected += staking.collect(pool, person(who));
        vm.assertLe(collected, came);
    }
}
