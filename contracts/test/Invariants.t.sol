// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Step} from "../src/core/Checkpoints.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {RewardTree} from "../src/libraries/RewardTree.sol";
import {Staking} from "../src/Staking.sol";
import {Steps} from "./support/Steps.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {bound, vm} from "./support/Test.sol";

/// @dev What the world may do, in any order. Every call succeeds or is left out, so fail_on_revert finds what should not fail.
contract Handler is World {
    using TreeKit for Tree;

    address[4] payers = [address(0xFA01), address(0xFA02), address(0xFA03), address(0xFA04)];
    uint256 public settledWei; // of all batches
    uint256 public finalWei; // of final batches
    uint256 public paidWei; // by claims
    uint256 public lies;
    uint256 public refuted;
    uint32[] keys;
    mapping(uint32 key => uint256) public lastFinal; // cumulative under the last final root
    uint256 pendingId; // an honest checkpoint that waits for its window
    uint256 pendingTo;
    Tree pendingTree;

    constructor() {
        populate();
        for (uint256 i; i < 4; ++i) fund(payers[i], 10_000 ether);
        for (uint32 i = 1; i <= PEOPLE; ++i) keys.push(i);
        keys.push(Keys.MODEL | base);
        keys.push(Keys.MODEL | adapter);
        keys.push(Keys.DATANET | 1);
        keys.push(Keys.DATANET | 2);
        keys.push(Keys.MODEL_POOL | base);
        keys.push(Keys.MODEL_POOL | adapter);
        for (uint32 i = 1; i <= PEOPLE; ++i) keys.push(Keys.HOST_POOL | i);
        keys.push(Keys.AUDITORS);
        keys.push(Keys.TREASURY);
    }

    function deposit(uint256 who, uint256 amount) external {
        fund(payers[who % 4], bound(amount, 1, 1_000 ether));
    }

    function withdraw(uint256 who, uint256 amount) external {
        address payer = payers[who % 4];
        (, uint256 free,) = settlement.accountOf(payer);
        vm.prank(payer);
        settlement.withdraw(bound(amount, 0, free), payer);
    }

    function settlePrivate(uint256 who, uint256 amount, uint256 host, bool onBase) external {
        address payer = payers[who % 4];
        (, uint256 free,) = settlement.accountOf(payer);
        if (free == 0) return;
        uint96 wei_ = uint96(bound(amount, 1, free / 4 + 1));
        settleAs(payer, onBase ? base : adapter, uint32(host % (PEOPLE + 1)), wei_, "t", "");
        settledWei += wei_;
    }

    function settleAuditable(uint256 who, uint256 amount, uint256 host, uint256 shape) external {
        address payer = payers[who % 4];
        (, uint256 free,) = settlement.accountOf(payer);
        // The lock is rounded up, so a little is left over.
        if (free < 1e15) return;
        uint96 wei_ = uint96(bound(amount, 1, free / 26));
        bytes memory leaves =
            Steps.two(uint32(shape % 3), uint16(shape >> 8), 3 + uint32(shape >> 24) % 4, uint16(shape >> 32));
        settleAs(payer, adapter, uint32(host % (PEOPLE + 1)), wei_, "t", leaves);
        settledWei += wei_;
    }

    function postHonest(uint256 posterId) external {
        (uint256 to,, uint256 parent,) = settlement.progress();
        if (pendingId != 0 || to == built) return;
        (bytes32[] memory roots, Tree memory t) = rootsOf(honest, built, to, uint32(posterId % (PEOPLE + 1)));
        pendingId = post(parent, uint32(posterId % (PEOPLE + 1)), roots);
        (pendingTree, pendingTo) = (t, to);
    }

    function finaliseHonest() external {
        if (pendingId == 0) return;
        vm.warp(block.timestamp + 3 days);
        settlement.finalise(pendingId);
        for (uint256 id = built + 1; id <= pendingTo; ++id) finalWei += batches[id].amount;
        (honest, built, pendingId) = (pendingTree, pendingTo, 0);
        for (uint256 i; i < keys.length; ++i) {
            uint128 now_ = honest.get(keys[i]);
            // C2, against the chain: the value is proved under the final root.
            require(this.rootOf(keys[i], now_, honest.proof(keys[i])) == settlement.finalRoot(), "C1");
            require(now_ >= lastFinal[keys[i]], "C2");
            lastFinal[keys[i]] = now_;
        }
    }

    function rootOf(uint32 key, uint128 cumulative, bytes calldata proof) external pure returns (bytes32) {
        return RewardTree.root(key, cumulative, proof);
    }

    function lieAndFall(uint256 which, uint256 extra, bool replayed) external {
        (uint256 count,, uint256 parent,) = settlement.progress();
        if (count != built + 1) return; // a lie about one batch, so that the step has no path
        Tree memory start = honest;
        Tree memory wrong = start.copy();
        advance(wrong, count, 0);
        uint32 key = keys[which % keys.length];
        wrong.add(key, bound(extra, 1, 1 ether));
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = wrong.root();
        uint256 id = post(parent, 0, roots);
        ++lies;
        Step memory step = stepOf(id, count, start.root(), roots[0]);
        if (replayed) {
            (uint32[] memory all,) = probe.all(facts(count, 0), leavesOf[count]);
            settlement.replay(step, all.length, start.witness(all, 0, all.length), "");
        } else {
            settlement.refute(step, key, start.get(key), start.proof(key), wrong.get(key), wrong.proof(key), "");
        }
        if (settlement.checkpoint(id).refutedAt != 0) ++refuted;
    }

    function claimOne(uint256 which) external {
        if (built == 0) return;
        paidWei += claim(keys[which % keys.length]);
    }

    function collect(uint256 who) external {
        datanets.collect(1 + uint32(who % 2), 1 + uint32((who >> 8) % PEOPLE));
        staking.collect(keys[10 + (who >> 16) % 2], payers[who % 4]);
    }

    function stake(uint256 who, uint256 amount) external {
        address payer = payers[who % 4];
        (, uint256 free,) = settlement.accountOf(payer);
        if (free < 1e9) return;
        vm.prank(payer);
        staking.stake(Keys.MODEL_POOL | adapter, uint128(bound(amount, 1e6, free / 3)));
    }

    function unstake(uint256 who) external {
        address payer = payers[who % 4];
        uint32 pool = Keys.MODEL_POOL | adapter;
        Staking.Stake memory s = staking.stakeOf(pool, payer);
        vm.startPrank(payer);
        if (s.shares > s.leaving) staking.unbond(pool, s.shares - s.leaving);
        else if (s.leaving != 0 && block.timestamp >= s.until) staking.unstake(pool);
        vm.stopPrank();
    }

    function grant(uint256 who, uint256 more) external {
        (uint32[] memory one, uint64[] memory units) = (new uint32[](1), new uint64[](1));
        one[0] = 1 + uint32(who % PEOPLE);
        units[0] = datanets.holding(1, one[0]).units + uint64(bound(more, 1, 1_000));
        vm.prank(CURATOR);
        datanets.grant(1, one, units);
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 9 days));
    }

    // ---- what the invariants look at

    function balances() external view returns (uint256 sum) {
        for (uint256 i; i < 4; ++i) sum += settlement.balanceOf(payers[i]);
        for (uint32 i = 1; i <= PEOPLE; ++i) sum += settlement.balanceOf(person(i));
        address[8] memory others = [
            PAYER,
            POSTER,
            CURATOR,
            OWNER,
            address(timelock),
            address(datanets),
            address(staking),
            address(audit)
        ];
        for (uint256 i; i < 8; ++i) sum += settlement.balanceOf(others[i]);
    }

    function bonds() external view returns (uint256 sum) {
        (, uint256 posted,,) = settlement.progress();
        for (uint256 i = 1; i <= posted; ++i) sum += settlement.checkpoint(i).bond;
    }

    function held() external view returns (uint256) {
        return address(settlement).balance;
    }

    function locksHold() external view returns (bool) {
        for (uint256 i; i < 4; ++i) settlement.accountOf(payers[i]); // reverts where a lock exceeds the balance
        return true;
    }

    function keyCount() external view returns (uint256) {
        return keys.length;
    }

    function cumulative(uint256 i) external view returns (uint256 now_, uint256 before, uint256 claimed) {
        return (honest.get(keys[i]), lastFinal[keys[i]], settlement.claimed(keys[i]));
    }

    function finalTotal() external view returns (uint256) {
        return honest.total();
    }

    function finalRootIsHonest() external view returns (bool) {
        return settlement.finalRoot() == honest.root();
    }

    function stakesAreThere() external view returns (bool) {
        uint256 assets = staking.pool(Keys.MODEL_POOL | adapter).assets;
        return settlement.balanceOf(address(staking)) >= assets;
    }
}

/// @notice The sentences of docs/settlement.md that must hold whatever anybody does.
contract InvariantsTest {
    Handler h;

    function setUp() external {
        h = new Handler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(h);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory s = new bytes4[](13);
        s[0] = Handler.deposit.selector;
        s[1] = Handler.withdraw.selector;
        s[2] = Handler.settlePrivate.selector;
        s[3] = Handler.settleAuditable.selector;
        s[4] = Handler.postHonest.selector;
        s[5] = Handler.finaliseHonest.selector;
        s[6] = Handler.lieAndFall.selector;
        s[7] = Handler.claimOne.selector;
        s[8] = Handler.collect.selector;
        s[9] = Handler.stake.selector;
        s[10] = Handler.unstake.selector;
        s[11] = Handler.grant.selector;
        s[12] = Handler.pass.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(h), s);
    }

    /// @dev One function, so that one campaign checks them all after every call.
    function invariant_M1_C1_C2_K1_K2_P1_C3_M3_T1() external view {
        M1_the_core_holds_exactly_what_it_owes();
        C1_a_final_root_is_what_its_batches_earned();
        C2_K1_cumulatives_never_fall_and_bound_what_was_claimed();
        K2_nothing_is_paid_without_a_batch();
        vm.assertEq(h.lies(), h.refuted(), "C3: a lie stood");
        vm.assertTrue(h.locksHold(), "M3");
        vm.assertTrue(h.stakesAreThere(), "T1");
    }

    function M1_the_core_holds_exactly_what_it_owes() internal view {
        vm.assertEq(h.held(), h.balances() + h.bonds() + h.settledWei() - h.paidWei(), "M1: solvency");
    }

    function C1_a_final_root_is_what_its_batches_earned() internal view {
        vm.assertTrue(h.finalRootIsHonest(), "C1: root");
        vm.assertEq(h.finalTotal(), h.finalWei(), "P1: conservation to the wei");
    }

    function C2_K1_cumulatives_never_fall_and_bound_what_was_claimed() internal view {
        for (uint256 i; i < h.keyCount(); ++i) {
            (uint256 now_, uint256 before, uint256 claimed) = h.cumulative(i);
            vm.assertGe(now_, before, "C2");
            vm.assertLe(claimed, now_, "K1");
        }
    }

    function K2_nothing_is_paid_without_a_batch() internal view {
        vm.assertLe(h.paidWei(), h.finalWei(), "K2");
    }
}
